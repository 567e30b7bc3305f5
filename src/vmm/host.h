// What this host can run, measured and not believed: /dev/kvm that opens is no proof.
#pragma once

#include <string>

#include "vmm/spec.h"

namespace meros::vmm {

struct KvmStatus {
  bool opens = false;      // /dev/kvm can be opened and answers KVM_GET_API_VERSION with 12
  bool cpu_flags = false;  // x86: vmx or svm in /proc/cpuinfo; true elsewhere
  bool usable() const { return opens && cpu_flags; }
  std::string why;  // one sentence for people, whichever it is
};
// `cpuinfo` and `device` are handed in by tests.
KvmStatus probe_kvm(const std::string& cpuinfo_path = "/proc/cpuinfo", const std::string& device = "/dev/kvm");

enum class AccelChoice { automatic, kvm, tcg };
AccelChoice parse_accel(std::string_view text);  // auto | kvm | tcg
// An explicit choice is obeyed; `automatic` looks at MEROS_ACCEL, then at `kvm` and whether the guest is of this arch.
Accel resolve_accel(AccelChoice choice, Arch guest, const KvmStatus& kvm);

}  // namespace meros::vmm
