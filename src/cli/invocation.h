// The first look at the command line: which verb, before any option parser is built.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"

namespace meros::cli {

struct Invocation {
  enum class Kind { run, help, version };  // help: of the program; a verb's own --help is left to its parser
  Kind kind = Kind::run;
  std::optional<Verb> verb;            // set for `run`
  std::vector<std::string> arguments;  // without the program's name and the verb
};

// UsageError for a missing or unknown verb (with the nearest one as its hint).
Invocation read_invocation(machine::Face face, const std::vector<std::string>& arguments);

}  // namespace meros::cli
