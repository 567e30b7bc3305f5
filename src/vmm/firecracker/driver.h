// The Firecracker driver: configured over its API socket, KVM only.
#pragma once

#include "vmm/driver.h"

namespace meros::vmm::firecracker {

// Lives as long as the program.
const Driver& driver();

}  // namespace meros::vmm::firecracker
