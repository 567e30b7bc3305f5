// The command line, under the real one's rules.
#pragma once

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meros::fake {

// What is wrong: for the log, and as the real one prints it on stderr ("UnexpectedArgument("foo")").
struct BadArguments {
  std::string message;
  std::string debug;
};

class Arguments {
 public:
  // `words` is without the program's name. Throws BadArguments.
  explicit Arguments(const std::vector<std::string>& words);

  bool has(const std::string& name) const { return values_.contains(name); }
  std::optional<std::string> value(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace meros::fake
