#include "constellation/manifest_substitute.h"

#include <fmt/format.h>

#include <algorithm>

#include "constellation/manifest_text.h"

namespace meros::constellation {
namespace {

constexpr int deepest = 8;               // defaults within defaults
constexpr std::size_t most_errors = 50;  // in one value

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

std::size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text.front())) return 0;
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_name_character) - text.begin());
}

// Where the '}' is that closes the "${" whose inside begins `text`, or npos.
std::size_t closing_brace(std::string_view text) {
  int depth = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

class Substitution {
 public:
  Substitution(std::string_view whole, const Lookup& lookup) : whole_(whole), lookup_(lookup) {}

  // `text` is a part of the whole.
  std::string expand(std::string_view text, int depth) {
    std::string result;
    while (!text.empty()) {
      const auto dollar = std::min(text.find('$'), text.size());
      result += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (text.empty()) break;
      text.remove_prefix(take_dollar(text, depth, result));
      if (result.size() > max_substituted) {
        fail(text, fmt::format("the value becomes longer than {} KiB", max_substituted >> 10));
        return {};
      }
    }
    return result;
  }

  std::vector<SubstitutionError> errors;

 private:
  // Appends what the '$' at the beginning of `text` stands for; returns how much of `text` that was.
  std::size_t take_dollar(std::string_view text, int depth, std::string& result) {
    const auto behind = text.substr(1);
    if (behind.starts_with('$')) {
      result += '$';
      return 2;
    }
    if (behind.starts_with('{')) return take_braces(text, depth, result);
    if (const auto length = name_length(behind); length > 0) {
      fail(text, fmt::format("{} is not substituted", in_quotes(text.substr(0, length + 1))),
           fmt::format("write ${{{0}}} for the variable, or $${0} for the text", behind.substr(0, length)));
      return length + 1;
    }
    result += '$';
    return 1;
  }

  std::size_t take_braces(std::string_view text, int depth, std::string& result) {
    const auto inside = text.substr(2);
    const auto close = closing_brace(inside);
    if (close == std::string_view::npos) {
      fail(text, "'${' has no '}'", "write $${ for the text itself");
      return text.size();
    }
    const auto length = name_length(inside);
    const auto rest = inside.substr(length, close - length);
    if (length == 0 || (!rest.empty() && !rest.starts_with(":-"))) {
      fail(text, fmt::format("{} is neither ${{NAME}} nor ${{NAME:-default}}", in_quotes(text.substr(0, close + 3))),
           "write $${ for the text itself");
    } else {
      result += value_of(text, inside.substr(0, length), rest, depth);
    }
    return close + 3;
  }

  std::string value_of(std::string_view text, std::string_view name, std::string_view rest, int depth) {
    auto value = lookup_(name);
    if (rest.empty() && value) return *std::move(value);
    if (rest.empty()) {
      fail(text, fmt::format("the variable {} is not set", in_quotes(name)),
           fmt::format("set it in the environment or in .env, or write ${{{}:-default}}", name));
      return {};
    }
    if (value && !value->empty()) return *std::move(value);
    if (depth == deepest) {
      fail(text, fmt::format("defaults are nested more than {} deep", deepest));
      return {};
    }
    return expand(rest.substr(2), depth + 1);
  }

  void fail(std::string_view at, std::string message, std::string help = {}) {
    if (errors.size() == most_errors) return;
    const auto before = whole_.substr(0, static_cast<std::size_t>(at.data() - whole_.data()));
    errors.push_back(
        {static_cast<std::size_t>(std::count(before.begin(), before.end(), '$')), std::move(message), std::move(help)});
  }

  std::string_view whole_;
  const Lookup& lookup_;
};

}  // namespace

Substituted substitute(std::string_view text, const Lookup& lookup) {
  Substitution substitution(text, lookup);
  std::string result = substitution.expand(text, 0);
  return {std::move(result), std::move(substitution.errors)};
}

}  // namespace meros::constellation
