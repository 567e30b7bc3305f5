// Until a machine is ready, as its manifest means it.
#pragma once

#include <optional>

#include "base/deadline.h"
#include "constellation/manifest.h"
#include "machine/home.h"

namespace meros::constellation {

// What its manifest says of a machine that was brought up by one; nothing for another.
std::optional<Ready> ready_of(const machine::Home& home, const machine::MachineId& id);

// Error when the machine ends before, with its last words; TimeoutError after the deadline, with the stage it is in and
// the last lines of its console.
void wait_until_ready(const machine::Home& home, const machine::MachineId& id, const Ready& ready, Deadline deadline);

}  // namespace meros::constellation
