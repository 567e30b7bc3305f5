// The kernel command line that a machine gets. Pure.
#pragma once

#include <optional>
#include <string>

#include "machine/config.h"
#include "machine/home.h"

namespace meros::machine {

struct KernelArgs {
  Face face = Face::meros;
  bool firecracker_devices = false;  // no PCI: what the seed's line is for
  vmm::Arch arch = vmm::Arch::x86_64;
  bool initrd = false;
  bool root_disk = false;  // the VMM does not name the root by itself
  std::string root_device = "/dev/vda";
  bool read_only = false;
  std::optional<NetworkConfig> network;
  std::string append;
};

// As mergenc, to the byte:
//   ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules random.trust_cpu=on ip=<guest>::<gw>:<mask>::eth0:off
// As meros: `rw` unless read-only, `nomodules` only without an initrd, `pci=off` only where there is none, `root=`
// where the VMM adds none or it is not the whole first disk. `append` comes last, so that it wins. Never `noapic`:
// Firecracker's ACPI tables (since 1.8) are those of a machine without the old interrupt controller (HW_REDUCED_ACPI),
// so that a kernel with ACPI, as the distributions' are, would have no interrupts at all.
std::string kernel_command_line(const KernelArgs& args);

}  // namespace meros::machine
