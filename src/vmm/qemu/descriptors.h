// The descriptors that a plan wants, opened.
#pragma once

#include <vector>

#include "base/fd.h"
#include "vmm/driver.h"

namespace meros::vmm::qemu {

struct OpenDescriptor {
  Fd fd;
  int target;
};

struct Descriptors {
  std::vector<OpenDescriptor> passed;  // QEMU's, to be closed here once it has them
  Fd console;                          // our ends
  Fd control;
};

// Opens what `plan` names, files and the listening socket relative to `volume`, and looks at what the machine boots and
// mounts. Errors name the thing. On an error nothing is left in the volume.
Descriptors open_descriptors(const Plan& plan, const Spec& spec, const Fd& volume);

// Removes the listening sockets of the plan from the volume.
void remove_sockets(const Plan& plan, const Fd& volume) noexcept;

}  // namespace meros::vmm::qemu
