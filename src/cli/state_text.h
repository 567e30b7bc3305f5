// The state of a machine as people read it.
#pragma once

#include <string>

#include "cli/output.h"
#include "machine/state.h"

namespace meros::cli {

// It has a supervisor, or a VMM that is not gone yet.
bool is_alive(machine::State state);
Colour colour_of(machine::State state);
// "3m 12s" since it was started, or "-" when it does not run.
std::string uptime_of(const machine::Status& status);

}  // namespace meros::cli
