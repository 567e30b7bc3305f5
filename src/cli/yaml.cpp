// JSON values as block-style YAML. Only strings that no version of YAML could take for something else stay plain; the
// rest are double-quoted, which JSON's escapes are valid in.
#include <algorithm>
#include <array>

#include "base/json.h"
#include "cli/output.h"

namespace meros::cli {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_plain(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-'; }

// YAML 1.1's words for booleans and null (https://yaml.org/type/bool.html): readers of that version are many.
bool is_reserved(std::string word) {
  constexpr std::array<std::string_view, 9> words = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return std::find(words.begin(), words.end(), word) != words.end();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string scalar_of(const std::string& text) {
  const bool plain =
      !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_plain) && !is_reserved(text);
  if (plain) return text;
  std::string quoted = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  // What JSON allows to stand unescaped and YAML does not: DEL, C1 controls, its own line breaks, the byte order mark.
  replace_all(quoted, "\x7f", "\\x7f");
  constexpr std::string_view hex = "0123456789abcdef";
  for (unsigned c = 0x80; c < 0xa0; ++c) {
    const std::array<char, 2> raw = {'\xc2', static_cast<char>(c)};
    replace_all(quoted, {raw.data(), raw.size()}, std::string("\\x") + hex[c >> 4] + hex[c & 0xf]);
  }
  replace_all(quoted, "\xe2\x80\xa8", "\\u2028");
  replace_all(quoted, "\xe2\x80\xa9", "\\u2029");
  replace_all(quoted, "\xef\xbb\xbf", "\\ufeff");
  return quoted;
}

std::string scalar(const Json& value) {
  if (value.is_string()) return scalar_of(value.get_ref<const std::string&>());
  std::string text = value.dump();
  // YAML 1.1 wants a point in a number with an exponent.
  const auto exponent = text.find('e');
  if (value.is_number_float() && exponent != std::string::npos && text.find('.') == std::string::npos)
    text.insert(exponent, ".0");
  return text;
}

bool is_block(const Json& value) { return value.is_structured() && !value.empty(); }

void emit(std::string& out, const Json& value, std::size_t indent);

// After "key:" or "-": a scalar on the same line.
void emit_scalar(std::string& out, const Json& value) {
  out += value.is_structured() ? (value.is_object() ? "{}" : "[]") : scalar(value);
  out += '\n';
}

void emit_object(std::string& out, const Json& object, std::size_t indent, bool first_is_indented) {
  for (const auto& [key, value] : object.items()) {
    if (!first_is_indented) out.append(indent, ' ');
    first_is_indented = false;
    out += scalar_of(key) + ":";
    out += is_block(value) ? '\n' : ' ';
    if (is_block(value))
      emit(out, value, indent + 2);
    else
      emit_scalar(out, value);
  }
}

void emit_array(std::string& out, const Json& array, std::size_t indent) {
  for (const auto& value : array) {
    out.append(indent, ' ');
    out += '-';
    if (is_block(value) && value.is_object()) {
      out += ' ';
      emit_object(out, value, indent + 2, true);
    } else if (is_block(value)) {
      out += '\n';
      emit_array(out, value, indent + 2);
    } else {
      out += ' ';
      emit_scalar(out, value);
    }
  }
}

void emit(std::string& out, const Json& value, std::size_t indent) {
  if (value.is_object())
    emit_object(out, value, indent, false);
  else
    emit_array(out, value, indent);
}

}  // namespace

std::string to_yaml_text(const nlohmann::json& document) {
  std::string out;
  if (is_block(document))
    emit(out, document, 0);
  else
    emit_scalar(out, document);
  return out;
}

}  // namespace meros::cli
