// `auto`, made concrete: which driver and which program runs a machine, and why.
#pragma once

#include <string>

#include "machine/lifecycle.h"
#include "vmm/driver.h"
#include "vmm/host.h"

namespace meros::machine {

struct DriverChoice {
  const vmm::Driver* driver;
  std::string binary;  // absolute path
  std::string why;     // one sentence, for doctor and -v
};
// An explicit driver is obeyed. `auto` takes firecracker where its program is found, KVM is really usable, the guest is
// of this host's architecture and nothing is asked that only QEMU has (`needs_qemu`: what, or ""); else qemu. HostError
// when the program is not installed.
DriverChoice choose_driver(const std::string& asked, vmm::Arch arch, const std::optional<std::string>& binary,
                           const std::string& needs_qemu);

// The same for one that has no program named, where its program need not be there: what its images are made for.
struct DriverName {
  std::string name;
  std::string why;
};
DriverName choose_driver_name(const std::string& asked, vmm::Arch arch, const std::string& needs_qemu);

// The acceleration of a machine's next run: what was asked for; `auto` is KVM where its driver knows nothing else (an
// explicit driver is obeyed), else what vmm/host.h resolves.
vmm::Accel accel_of(const Config& config, const vmm::KvmStatus& kvm);

// The path of a program that was named with or without a slash. HostError when it is not there.
std::string locate_binary(const std::string& name);

}  // namespace meros::machine
