// One verb on many machines: in parallel, all of them whatever becomes of the others, one line each.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/options.h"
#include "machine/home.h"

namespace meros::cli {

// What became of one machine.
struct Outcome {
  std::string line;                          // "started web (qemu, tcg) in 0.04 s"
  std::function<void(nlohmann::json&)> add;  // its own members of the JSON object; may be empty
};
using OnMachine = std::function<Outcome(const machine::MachineId&)>;
// For a target that names nothing; where there is none, that is an error.
using OnMissing = std::function<Outcome(const std::string& target)>;

// Runs `work` on each machine that is meant, `targets.jobs` at once. As table each line is printed when its machine is
// done; else there is one document at the end, an array of {"machine", "ok", …} in the order of the targets. An error
// is printed on stderr at once with the machine's name in it. Returns the highest exit code of all. UsageError where
// neither names nor --all are given, or both.
int for_each_target(Context& context, const Targets& targets, const OnMachine& work, const OnMissing& on_missing = {});

// A target or machine that a verb deals with; `error` where it could not be found.
struct Resolved {
  std::vector<machine::MachineId> machines;  // each once
  std::vector<std::pair<std::string, Error>> errors;
};
Resolved resolve(Context& context, const Targets& targets);

}  // namespace meros::cli
