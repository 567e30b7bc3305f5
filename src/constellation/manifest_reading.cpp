#include "constellation/manifest_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meros::constellation {
namespace {

// Beyond these a near name is not looked for: the work grows with the product of all three.
constexpr std::size_t longest_compared = 40;
constexpr std::size_t most_compared = 300;

// PyYAML's booleans, with which the first manifests were read.
constexpr std::array yes_words = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::array no_words = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<const char*, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text of a scalar that says something.
const std::string* scalar_of(Reading& reading, const Value& value, std::string_view wanted) {
  if (value.node.failed) return nullptr;
  if (value.node.kind == Node::Kind::null) {
    reading.error(value.at, fmt::format("'{}' has no value", value.name), "give it one, or leave the line out");
    return nullptr;
  }
  if (value.node.kind != Node::Kind::scalar) {
    reading.error(value.at, fmt::format("'{}' must be {}, not {}", value.name, wanted, describe(value.node)));
    return nullptr;
  }
  return &value.node.text;
}

}  // namespace

void Reading::error(Position at, std::string message, std::string help) {
  add(Severity::error, at, std::move(message), std::move(help));
}

void Reading::warn(Position at, std::string message, std::string help) {
  add(Severity::warning, at, std::move(message), std::move(help));
}

void Reading::add(Severity severity, Position at, std::string message, std::string help) {
  if (!said_.insert(fmt::format("{} {}", at.offset, message)).second) return;
  if (severity == Severity::error) errors_ = true;
  if (findings_.size() >= max_diagnostics) throw Full{};
  findings_.push_back(source_.diagnose(severity, at, std::move(message), std::move(help)));
}

void Reading::add(std::vector<Diagnostic> findings) {
  for (auto& finding : findings) {
    if (finding.is_error()) errors_ = true;
    findings_.push_back(std::move(finding));
  }
}

std::vector<Diagnostic> Reading::take_findings() {
  sort_diagnostics(findings_);
  return std::move(findings_);
}

std::string Reading::did_you_mean(std::string_view word, const std::vector<std::string>& candidates) const {
  if (word.empty() || word.size() > longest_compared || candidates.size() > most_compared) return {};
  const auto near = nearest(word, candidates);
  return near ? fmt::format("did you mean {}?", in_quotes(*near)) : "";
}

std::optional<std::string> read_text(Reading& reading, const Value& value) {
  const std::string* text = scalar_of(reading, value, "text");
  if (text == nullptr) return std::nullopt;
  // Escapes in quotes can bring in what the file itself may not hold.
  if (text->find('\0') != std::string::npos) {
    reading.error(value.at, fmt::format("'{}' holds a NUL character", value.name));
    return std::nullopt;
  }
  return *text;
}

std::optional<bool> read_flag(Reading& reading, const Value& value) {
  const std::string* text = scalar_of(reading, value, "true or false");
  if (text == nullptr) return std::nullopt;
  if (is_one_of(*text, yes_words)) return true;
  if (is_one_of(*text, no_words)) return false;
  reading.error(value.at, fmt::format("'{}' must be true or false, not {}", value.name, in_quotes(*text)));
  return std::nullopt;
}

std::optional<std::uint64_t> read_number(Reading& reading, const Value& value, std::uint64_t least,
                                         std::uint64_t most) {
  const std::string* text = scalar_of(reading, value, "a whole number");
  if (text == nullptr) return std::nullopt;
  const bool digits = !text->empty() && std::all_of(text->begin(), text->end(), is_digit);
  const bool octal = digits && text->size() > 1 && text->front() == '0';
  const auto number = parse_unsigned(*text);
  if (number && !octal && *number >= least && *number <= most) return number;
  if (octal)
    reading.error(value.at, fmt::format("'{}' begins with a zero: {}", value.name, in_quotes(*text)),
                  "some programs take that for octal; write it without");
  else if (digits)
    reading.error(value.at, fmt::format("'{}' is {}, which is out of range", value.name, in_quotes(*text)),
                  fmt::format("it goes from {} to {}", least, most));
  else
    reading.error(value.at, fmt::format("'{}' must be a whole number, not {}", value.name, in_quotes(*text)),
                  fmt::format("from {} to {}", least, most));
  return std::nullopt;
}

std::optional<std::size_t> read_word(Reading& reading, const Value& value, const std::vector<std::string>& words) {
  const std::string* text = scalar_of(reading, value, one_of(words));
  if (text == nullptr) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  reading.error(value.at, fmt::format("'{}' must be {}, not {}", value.name, one_of(words), in_quotes(*text)),
                reading.did_you_mean(*text, words));
  return std::nullopt;
}

std::optional<std::string> read_path(Reading& reading, const Value& value) {
  auto text = read_text(reading, value);
  if (!text) return std::nullopt;
  const bool control =
      std::any_of(text->begin(), text->end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (text->empty() || text->size() > 4095 || control) {  // PATH_MAX - 1, linux/limits.h
    reading.error(value.at, fmt::format("'{}' is no path: {}", value.name, in_quotes(*text)));
    return std::nullopt;
  }
  if (!text->starts_with('~')) return text;
  const auto home = reading.environment().variables.find("HOME");
  if (!text->starts_with("~/") || home == reading.environment().variables.end() || home->second.empty()) {
    reading.error(value.at, fmt::format("'{}' begins with '~', which cannot be expanded", value.name),
                  text->starts_with("~/") ? "set HOME, or write the whole path" : "only '~/' is; write the whole path");
    return std::nullopt;
  }
  return home->second + text->substr(1);
}

std::vector<Value> read_list(Reading& reading, const Value& value, Single single) {
  if (value.node.kind == Node::Kind::null) return {};
  if (value.node.kind == Node::Kind::scalar && single == Single::allowed) return {value};
  if (value.node.kind != Node::Kind::list) {
    reading.error(value.at, fmt::format("'{}' must be a list, not {}", value.name, describe(value.node)),
                  value.node.kind == Node::Kind::map ? "begin each item with '- '" : "");
    return {};
  }
  if (value.node.list.size() > max_items) {
    reading.error(value.at, fmt::format("'{}' has {} items", value.name, value.node.list.size()),
                  fmt::format("at most {} are read", max_items));
    return {};
  }
  std::vector<Value> values;
  for (std::size_t i = 0; i < value.node.list.size(); ++i) {
    const Node& item = *value.node.list[i];
    // An empty item's own place is where the next one begins.
    const Position at = item.kind == Node::Kind::null ? value.at : reading.position_of(item.offset);
    values.push_back({item, fmt::format("{}[{}]", value.name, i), at});
  }
  return values;
}

std::string listed(const std::vector<std::string>& names, std::string_view what) {
  constexpr std::size_t most_listed = 8;
  if (names.empty()) return fmt::format("there are no {}", what);
  if (names.size() > most_listed) return fmt::format("there are {} {}, but none is called so", names.size(), what);
  std::vector<std::string> harmless_names;
  for (const auto& name : names) harmless_names.push_back(in_quotes(name));
  return fmt::format("the {} are {}", what, join(harmless_names, ", "));
}

std::string as_help(std::string_view description) {
  std::string help(description.substr(0, description.find('.')));
  if (!help.empty() && help.front() >= 'A' && help.front() <= 'Z')
    help.front() = static_cast<char>(help.front() - 'A' + 'a');
  return help;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace meros::constellation
