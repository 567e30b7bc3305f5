// ${VAR} and ${VAR:-default} in values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meros::constellation {

// The value of a variable; nothing when it is not set.
using Lookup = std::function<std::optional<std::string>(std::string_view)>;

struct SubstitutionError {
  std::size_t nth_dollar;  // which '$' of the text it is about, from 0
  std::string message;
  std::string help;
};

struct Substituted {
  std::string text;
  std::vector<SubstitutionError> errors;
};

// `$$` is a dollar sign. `${VAR:-default}` takes the default for a variable that is not set or empty; the default may
// hold further ones. A '$' before anything but '{' and a letter stays as it is. The result is at most `limit` bytes.
constexpr std::size_t max_substituted = std::size_t{64} << 10;
Substituted substitute(std::string_view text, const Lookup& lookup);

}  // namespace meros::constellation
