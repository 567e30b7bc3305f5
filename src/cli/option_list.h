// The command line as data: what the shells' completions are made from, and what the manual is checked against.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace meros::cli {

struct OptionInfo {
  std::vector<std::string> names;  // "-f", "--follow"
  std::string value;               // what follows it: "SECONDS", "FILE" …; empty for a flag
  std::string description;
  bool global;  // one of those that every verb has
};

struct VerbInfo {
  std::string name;
  std::string alias;
  std::string summary;
  std::string positional;  // "TARGET", "NAME", "SHELL" or ""
  std::vector<OptionInfo> options;
};

std::vector<VerbInfo> describe_verbs(machine::Face face);

}  // namespace meros::cli
