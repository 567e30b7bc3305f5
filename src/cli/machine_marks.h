// What stands before the lines of several machines, so that one sees whose they are.
#pragma once

#include <string>
#include <vector>

#include "cli/output.h"
#include "machine/home.h"

namespace meros::cli {

class MachineMarks {
 public:
  // "lab/web | ", as wide as the longest name decides, in a colour for each where the output has colours.
  MachineMarks(const Output& output, const std::vector<machine::MachineId>& machines);
  const std::string& of(std::size_t machine) const { return marks_.at(machine); }

 private:
  std::vector<std::string> marks_;
};

}  // namespace meros::cli
