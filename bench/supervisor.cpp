// What each running machine costs besides its VMM.
#include <fmt/format.h>

#include <sstream>

#include "base/text.h"
#include "figures.h"
#include "world.h"

namespace meros::bench {
namespace {

constexpr std::size_t count = 50;

// Private_Clean and Private_Dirty of /proc/PID/smaps_rollup, in KiB.
double private_kib(pid_t pid) {
  std::istringstream lines(read_file(fmt::format("/proc/{}/smaps_rollup", pid)));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Private_")) continue;
    const auto digits = line.find_first_of("0123456789");
    sum += std::stod(line.substr(digits));
  }
  return sum;
}

}  // namespace

std::vector<Row> measure_supervisor(const Settings&) {
  std::vector<Row> rows;
  for (const auto& vmm : vmms()) {
    const World world;
    for (std::size_t i = 1; i <= count; ++i) world.create(fmt::format("vm-{}", i), vmm, "halt");
    world.must({"start", "--all"});
    Samples memory;
    for (const auto& machine : parse_json(world.must({"ps", "-o", "json"}), "ps"))
      memory.add(private_kib(get<pid_t>(machine, "supervisor_pid")));
    if (memory.size() != count) throw Error("not all of the machines run");
    rows.push_back({fmt::format("private memory of a supervisor, {} running, {}", count, vmm.title), memory.size(), "",
                    fmt::format("{:.0f} / {:.0f} KiB (most: {:.0f})", memory.p25(), memory.median(), memory.most()), "",
                    "at most 512 KiB", memory.most() <= 512});
  }
  return rows;
}

}  // namespace meros::bench
