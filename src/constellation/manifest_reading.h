// Nodes to values: what is of the wrong type or out of range becomes a finding, and reading goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "constellation/manifest.h"
#include "constellation/manifest_yaml.h"

namespace meros::constellation {

// What is read, and what was found on the way.
class Reading {
 public:
  Reading(const SourceText& source, const Environment& environment) : source_(source), environment_(environment) {}

  const SourceText& source() const { return source_; }
  const Environment& environment() const { return environment_; }
  Position position_of(std::size_t offset) const { return source_.position_of(offset); }

  // Each finding is kept once, for a node may be read many times (aliases, defaults). Throws Full beyond the most that
  // are kept.
  struct Full {};
  void error(Position at, std::string message, std::string help = {});
  void warn(Position at, std::string message, std::string help = {});
  bool has_errors() const { return errors_; }
  // "did you mean 'x'?", or empty.
  std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) const;
  // What was found before the reading began.
  void add(std::vector<Diagnostic> findings);
  // Sorted, each once.
  std::vector<Diagnostic> take_findings();

 private:
  void add(Severity severity, Position at, std::string message, std::string help);

  const SourceText& source_;
  const Environment& environment_;
  std::vector<Diagnostic> findings_;
  std::unordered_set<std::string> said_;
  bool errors_ = false;
};

// One value that is being read: its node, what it is called in messages, and where it is when it is empty.
struct Value {
  const Node& node;
  std::string name;  // "memory", "packages[2]"
  Position at;
};

// Each gives nothing, with a finding, for a node of another kind.
std::optional<std::string> read_text(Reading& reading, const Value& value);
std::optional<bool> read_flag(Reading& reading, const Value& value);
std::optional<std::uint64_t> read_number(Reading& reading, const Value& value, std::uint64_t least, std::uint64_t most);
// One of `words`; its index.
std::optional<std::size_t> read_word(Reading& reading, const Value& value, const std::vector<std::string>& words);
// "~/x" with the home directory in place of the '~'.
std::optional<std::string> read_path(Reading& reading, const Value& value);

// The items of a list. Nothing is an empty list; where a single text may stand for a list of one, it does.
enum class Single { allowed, refused };
constexpr std::size_t max_items = 1024;
std::vector<Value> read_list(Reading& reading, const Value& value, Single single);

// An InvalidError of the layers below as a finding; what `parse` returned otherwise.
template <typename Parse>
auto finding_of(Reading& reading, const Value& value, Parse parse) -> std::optional<decltype(parse())> {
  try {
    return parse();
  } catch (const InvalidError& e) {
    reading.error(value.at, e.message(), e.hint());
    return std::nullopt;
  }
}

// "the machines are 'db', 'web'", while they are few.
std::string listed(const std::vector<std::string>& names, std::string_view what);
// The first sentence of a description, as help.
std::string as_help(std::string_view description);
// "a, b or c"
std::string one_of(const std::vector<std::string>& words);

}  // namespace meros::constellation
