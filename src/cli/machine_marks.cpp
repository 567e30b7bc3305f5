#include "cli/machine_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace meros::cli {

MachineMarks::MachineMarks(const Output& output, const std::vector<machine::MachineId>& machines) {
  constexpr std::array colours = {Colour::green, Colour::yellow, Colour::none};
  std::size_t width = 0;
  for (const auto& id : machines) width = std::max(width, id.to_string().size());
  for (std::size_t i = 0; i < machines.size(); ++i)
    marks_.push_back(
        output.paint(fmt::format("{:<{}} | ", machines[i].to_string(), width), colours.at(i % colours.size())));
}

}  // namespace meros::cli
