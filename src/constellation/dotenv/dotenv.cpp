#include "constellation/dotenv/dotenv.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "constellation/manifest_syntax.h"

namespace meros::constellation {
namespace {

constexpr std::string_view blanks = " \t";

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

class DotEnvParser {
 public:
  explicit DotEnvParser(const SourceText& source) : source_(source), text_(source.text()) {}

  DotEnv parse() {
    while (at_ < text_.size()) take_line();
    return std::move(result_);
  }

 private:
  std::size_t line_end() const { return std::min(text_.find('\n', at_), text_.size()); }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size()); }
  void skip_line() { at_ = std::min(line_end() + 1, text_.size()); }

  void take_line() {
    skip_blanks();
    const auto line = trim(text_.substr(at_, line_end() - at_));
    if (line.empty() || line.front() == '#') return skip_line();
    if (line.starts_with("export ")) {
      at_ += std::string_view("export ").size();
      skip_blanks();
    }
    const std::size_t begin = at_;
    const auto rest = text_.substr(at_, line_end() - at_);
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) {
      fail(begin, "this is not NAME=value", "begin a comment with '#'");
      return skip_line();
    }
    const auto name = trim(rest.substr(0, equals));
    at_ += equals + 1;
    auto value = take_value();
    if (!is_name(name))
      fail(begin, fmt::format("{} is not a variable's name", in_quotes(name)),
           "letters, digits and '_', not beginning with a digit");
    else if (value)
      result_.variables[std::string(name)] = *std::move(value);
  }

  std::optional<std::string> take_value() {
    skip_blanks();
    const char first = at_ < text_.size() ? text_[at_] : '\n';
    return first == '\'' || first == '"' ? take_quoted(first) : take_plain();
  }

  std::string take_plain() {
    const auto line = text_.substr(at_, line_end() - at_);
    // A '#' within a word belongs to it, as in a shell.
    std::size_t end = line.starts_with('#') ? 0 : line.size();
    for (const std::string_view comment : {" #", "\t#"}) end = std::min(end, line.find(comment));
    skip_line();
    return std::string(trim(line.substr(0, end)));
  }

  std::optional<std::string> take_quoted(char quote) {
    const std::size_t begin = at_++;
    std::string value;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size())
        value += unescaped(text_[++at_]);
      else
        value += text_[at_];
    }
    if (at_ == text_.size()) {
      fail(begin, "these quotes are never closed");
      return std::nullopt;
    }
    ++at_;
    skip_blanks();
    const auto rest = trim(text_.substr(at_, line_end() - at_));
    if (!rest.empty() && rest.front() != '#') {
      fail(at_, "nothing may follow the closing quote");
      skip_line();
      return std::nullopt;
    }
    skip_line();
    return value;
  }

  static std::string unescaped(char c) {
    switch (c) {
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case '"':
      case '\\':
      case '$':
        return std::string(1, c);
      default:
        return std::string("\\") + c;
    }
  }

  void fail(std::size_t offset, std::string message, std::string help = {}) {
    result_.errors.push_back(
        source_.diagnose(Severity::error, source_.position_of(offset), std::move(message), std::move(help)));
  }

  const SourceText& source_;
  std::string_view text_;
  std::size_t at_ = 0;
  DotEnv result_;
};

}  // namespace

DotEnv parse_dotenv(std::string text, std::string origin) {
  const SourceText source(std::move(origin), without_byte_order_mark(std::move(text)));
  try {
    check_encoding(source.text());
  } catch (const SyntaxError& e) {
    DotEnv failed;
    failed.errors.push_back(source.diagnose(Severity::error, source.position_of(e.offset), e.message, e.help));
    return failed;
  }
  return DotEnvParser(source).parse();
}

}  // namespace meros::constellation
