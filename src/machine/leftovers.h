// What a killed supervisor leaves in a volume, and how a stop is done under a lock that is held already.
#pragma once

#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::machine {

// For a machine that does not run: removes sockets and pid files, and writes down that it was lost where its last word
// was that it runs. Returns what it did, a sentence each. The verb lock is held by the caller.
std::vector<std::string> clear_leftovers(const Home& home, const MachineId& id);

// stop() without taking the lock and without a look at the owner.
StopResult stop_locked(const Home& home, const MachineId& id, const StopOptions& stop);

}  // namespace meros::machine
