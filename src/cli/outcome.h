// What is said of a machine that was started or stopped.
#pragma once

#include "cli/targets.h"
#include "machine/lifecycle.h"

namespace meros::cli {

Outcome outcome_of_start(const machine::MachineId& id, const machine::StartResult& result);
Outcome outcome_of_stop(const machine::MachineId& id, const machine::StopResult& result);
Outcome outcome_of_restart(const machine::MachineId& id, const machine::StopResult& stopped,
                           const machine::StartResult& started);

}  // namespace meros::cli
