// The QEMU driver: KVM or TCG, x86_64 and aarch64, driven over QMP.
#pragma once

#include "vmm/driver.h"

namespace meros::vmm::qemu {

// Lives as long as the program.
const Driver& driver();

}  // namespace meros::vmm::qemu
