// A QEMU process and its control channel.
#pragma once

#include <memory>
#include <string>

#include "vmm/driver.h"

namespace meros::vmm::qemu {

// Starts what `plan` describes for `spec`, its vCPUs halted.
std::unique_ptr<Vmm> launch(Plan plan, const Spec& spec, const Site& site);

}  // namespace meros::vmm::qemu
