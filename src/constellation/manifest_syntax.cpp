#include "constellation/manifest_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace meros::constellation {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct Explanation {
  std::string_view yaml;  // ErrorMsg in yaml-cpp/exceptions.h
  std::string_view message;
  std::string_view help;
};

constexpr std::string_view indentation = "look at indentation, ':' and quotes in this line and the one before";

constexpr std::array explanations = {
    Explanation{"end of map not found", "this is not 'key: value'", indentation},
    Explanation{"end of map flow not found", "the map that begins with '{' does not end here",
                "look for a missing ',' or '}'"},
    Explanation{"end of sequence not found", "this is not an item of the list above it",
                "items begin with '- ', each as far to the right as the first"},
    Explanation{"end of sequence flow not found", "the list that begins with '[' does not end here",
                "look for a missing ',' or ']'"},
    Explanation{"illegal map value", "':' is not expected here",
                "a value that holds ': ' must be in quotes; else look at the indentation"},
    Explanation{"illegal map key", "'?' is not expected here", "a value that begins with '? ' must be in quotes"},
    Explanation{"illegal block entry", "'- ' is not expected here",
                "a list begins on a line of its own; a value that begins with '- ' must be in quotes"},
    Explanation{"illegal flow end", "this bracket closes nothing that is open", ""},
    Explanation{"illegal tab when looking for indentation", "a tab indents this line", "YAML takes blanks only"},
    Explanation{"illegal EOF in scalar", "the quotes that began above are never closed", ""},
    Explanation{"illegal document indicator in scalar", "the quotes that began above are never closed", ""},
    Explanation{"unknown token", "a value cannot begin with this character", "put it in quotes"},
    Explanation{"the referenced anchor is not defined", "there is no such anchor above this line",
                "an anchor is made with '&name' before it is used with '*name'"},
    Explanation{"alias not found after *", "'*' must be followed by an anchor's name", "or put the value in quotes"},
    Explanation{"anchor not found after &", "'&' must be followed by a name", "or put the value in quotes"},
    Explanation{"illegal character found while scanning alias", "this character cannot be in an anchor's name", ""},
    Explanation{"illegal character found while scanning anchor", "this character cannot be in an anchor's name", ""},
    Explanation{"cannot assign multiple anchors to the same node", "a value can have one anchor only", ""},
    Explanation{"cannot assign multiple tags to the same node", "a value can have one tag only", ""},
    Explanation{"unexpected character in block scalar", "nothing may follow '|' or '>' on its line", ""},
    Explanation{"cannot set zero indentation for a block scalar", "a block of text cannot be indented by 0", ""},
    Explanation{"bad character found while scanning hex number", "this is not a hexadecimal digit", ""},
    Explanation{"bad file", "the lists and maps are nested too deep", ""},
};

std::size_t line_begin(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, offset).rfind('\n');
  return before == std::string_view::npos ? 0 : before + 1;
}

// The first tab in the indentation of the line that `offset` is on, or npos.
std::size_t indenting_tab(std::string_view text, std::size_t offset) {
  const std::size_t begin = line_begin(text, offset);
  const std::size_t first = text.find_first_not_of(" \t", begin);
  const std::size_t tab = text.find('\t', begin);
  return tab < std::min(first, text.size()) ? tab : std::string_view::npos;
}

// The scanner points behind the last byte for what is missing at the end: show the last line that says something.
std::size_t last_character(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? 0 : last;
}

std::size_t last_backslash(std::string_view text, std::size_t offset) {
  const auto found = text.substr(0, offset).rfind('\\');
  return found == std::string_view::npos ? offset : found;
}

}  // namespace

std::string without_byte_order_mark(std::string text) {
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  return text;
}

void check_encoding(std::string_view text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    throw SyntaxError{0, "the manifest is in UTF-16", "save it as UTF-8"};
  const std::size_t bad = find_invalid_utf8(text);
  for (std::size_t i = 0; i < std::min(bad, text.size()); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool line_end = byte == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (byte == '\t' || byte == '\n' || line_end || (byte >= 0x20 && byte != 0x7f)) continue;
    if (byte == '\r') throw SyntaxError{i, "a carriage return without a line feed", "end lines with a line feed"};
    throw SyntaxError{i, fmt::format("control character U+{:04X}", byte), "is this a text file?"};
  }
  if (bad != std::string_view::npos)
    throw SyntaxError{bad, fmt::format("byte 0x{:02X} is not UTF-8", static_cast<std::uint8_t>(text[bad])),
                      "save the manifest as UTF-8"};
}

SyntaxError explain_yaml_error(std::string_view yaml_message, std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::size_t tab = indenting_tab(text, offset);
  if (tab != std::string_view::npos) return {tab, "a tab indents this line", "YAML takes blanks only"};
  // In [ ] and { } a brace ends a plain scalar.
  if (offset > 0 && offset < text.size() && text[offset] == '{' && text[offset - 1] == '$')
    return {offset - 1, "'${' inside [ ] or { } must be in quotes", "write \"${NAME}\""};
  if (offset == text.size()) offset = last_character(text);
  for (const auto& known : explanations)
    if (yaml_message == known.yaml) return {offset, std::string(known.message), std::string(known.help)};
  if (yaml_message.starts_with("unknown escape character: "))
    return {last_backslash(text, offset), "no such escape in double quotes",
            "write \\\\ for a backslash, or use single quotes"};
  return {offset, fmt::format("this is not YAML: {}", harmless(yaml_message))};
}

bool quotes_are_closed(std::string_view text, std::size_t offset) {
  if (offset >= text.size() || (text[offset] != '"' && text[offset] != '\'')) return true;
  const char quote = text[offset];
  for (std::size_t i = offset + 1; i < text.size(); ++i) {
    const bool escape =
        quote == '"' ? text[i] == '\\' : text[i] == quote && i + 1 < text.size() && text[i + 1] == quote;
    if (escape)
      ++i;
    else if (text[i] == quote)
      return true;
  }
  return false;
}

std::size_t behind_properties(std::string_view text, std::size_t offset) {
  const std::size_t begin = offset;
  while (offset < text.size() && (text[offset] == '&' || text[offset] == '!')) {
    const std::size_t end = text.find_first_of(" \t\r\n", offset);
    if (end == std::string_view::npos) return begin;
    const std::size_t next = text.find_first_not_of(" \t", end);
    // What they belong to begins on another line: they are the best place there is.
    if (next == std::string_view::npos || text[next] == '\r' || text[next] == '\n' || text[next] == '#') return begin;
    offset = next;
  }
  return offset;
}

}  // namespace meros::constellation
