// A Firecracker process, its API and its serial line.
#pragma once

#include <memory>

#include "vmm/driver.h"

namespace meros::vmm::firecracker {

// Starts what `plan` describes; boot() then sends its requests. The volume must have its directory `run`, writable by
// the VMM's user. Leaves in the volume the symbolic link `firecracker.sock`, and in `run` the socket of that name
// (Firecracker does not remove it when it ends, and start removes it before).
// NotFoundError for a TAP that does not exist in the caller's network namespace: a privileged Firecracker would make
// one that leads nowhere.
std::unique_ptr<Vmm> launch(Plan plan, const Spec& spec, const Site& site);

}  // namespace meros::vmm::firecracker
