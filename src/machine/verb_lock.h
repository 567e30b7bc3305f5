// Verbs on one machine exclude each other through <volumes>/.locks/<machine>. The file stays for ever: unlinking it
// would let two verbs hold two files of one name.
#pragma once

#include "base/lock.h"
#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::machine {

// Takes the machine's verb lock, waiting for another verb up to the options' lock_timeout and saying for whom.
// BusyError after the time; HostError (exit 6) where the file belongs to another user.
FileLock lock_verb(const Home& home, const MachineId& id, const VerbOptions& options);

// The lock if it is free at this moment, else nothing.
std::optional<FileLock> try_lock_verb(const Home& home, const MachineId& id, const VerbOptions& options);

// One for all machines of a home, held while an address, a TAP or a MAC is chosen and written down. Always taken after
// the machine's own.
FileLock lock_addresses(const Home& home, const VerbOptions& options);

// What the verb that holds the lock said it was ("stop"), or "" when the lock is free or it did not say.
std::string verb_in_progress(const Home& home, const MachineId& id);

// Refuses a verb by another user than the one who created the machine: HostError with the command that works.
void require_owner(const Config& config, const MachineId& id, const VerbOptions& options);

}  // namespace meros::machine
