#include "guest/shell_words.h"

#include <algorithm>

#include "base/text.h"

namespace meros::guest {
namespace {

bool is_harmless(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=@,+%").find(c) != std::string_view::npos;
}

// '=' first is zsh's, '%' first is a job.
bool needs_quotes(std::string_view text) {
  return text.empty() || text.front() == '=' || text.front() == '%' ||
         !std::all_of(text.begin(), text.end(), is_harmless);
}

std::string quoted(std::string_view text, std::string_view quote) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += quote;
    else
      word += c;
  }
  return word + "'";
}

std::string rsh_word(const std::string& text) { return needs_quotes(text) ? quoted(text, "''") : text; }

}  // namespace

std::string shell_word(std::string_view text) {
  return needs_quotes(text) ? quoted(text, R"('\'')") : std::string(text);
}

std::string shell_words(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(shell_word(word));
  return join(all, " ");
}

std::string rsh_words(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(rsh_word(word));
  return join(all, " ");
}

std::string without_percent(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '%' ? "%%" : std::string(1, c);
  return doubled;
}

}  // namespace meros::guest
