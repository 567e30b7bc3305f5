// QEMU's command line, as a pure function of the machine's spec.
#pragma once

#include <string>
#include <vector>

#include "vmm/driver.h"

namespace meros::vmm::qemu {

// The socket of the monitor for people, in the volume.
constexpr auto people_socket = "qmp.sock";
// The VNC display's socket: below the one directory of the volume that the VMM may write to.
constexpr auto display_socket = "run/vnc.sock";

// Where distributions keep the UEFI firmware that QEMU loads with -bios, the likeliest first.
const std::vector<std::string>& uefi_images(Arch arch);

// What the command line takes from the host it is to run on.
struct HostFacts {
  std::string uefi_image;  // for a spec that wants UEFI
  // The CPU itself has the MSR IA32_ARCH_CAPABILITIES. Where it has not, KVM makes one up, which confuses guests on AMD
  // (QEMU hides it there since 10.1) and which a software KVM does not even let QEMU set.
  bool arch_capabilities = true;
};

// Expects a spec that validate() lets pass.
Plan plan(const Spec& spec, const std::string& binary, const HostFacts& host);

}  // namespace meros::vmm::qemu
