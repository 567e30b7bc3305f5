#include "constellation/manifest_shell.h"

#include <fmt/format.h>

#include "base/error.h"

namespace meros::constellation {
namespace {

constexpr std::string_view blanks = " \t\r\n";

class WordSplitter {
 public:
  WordSplitter(std::string_view text, std::string_view home) : text_(text), home_(home) {}

  std::vector<std::string> split() {
    std::vector<std::string> words;
    while (true) {
      at_ = text_.find_first_not_of(blanks, at_);
      if (at_ == std::string_view::npos) return words;
      words.push_back(take_word());
    }
  }

 private:
  std::string take_word() {
    std::string word;
    if (text_.substr(at_).starts_with("~/")) {
      if (home_.empty()) throw InvalidError("'~/' cannot be expanded", "set HOME, or write the whole path");
      word = home_;
      ++at_;
    }
    while (at_ < text_.size() && blanks.find(text_[at_]) == std::string_view::npos) {
      const char c = text_[at_++];
      if (c == '\'' || c == '"')
        word += take_quoted(c);
      else if (c == '\\')
        word += take_escaped();
      else
        word += c;
    }
    return word;
  }

  std::string take_quoted(char quote) {
    std::string inside;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return inside;
      }
      // In double quotes a backslash is one unless what follows means something there.
      const bool escape = quote == '"' && c == '\\' && at_ + 1 < text_.size() &&
                          std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos;
      inside += escape ? text_[++at_] : c;
    }
    throw InvalidError(fmt::format("the {} are never closed", quote == '"' ? "double quotes" : "single quotes"),
                       "words are split as a shell does");
  }

  char take_escaped() {
    if (at_ == text_.size())
      throw InvalidError("a backslash at the end escapes nothing", "write '\\\\' for one backslash");
    return text_[at_++];
  }

  std::string_view text_;
  std::string_view home_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string> split_words(std::string_view text, std::string_view home) {
  return WordSplitter(text, home).split();
}

}  // namespace meros::constellation
