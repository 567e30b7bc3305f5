// Options of a Linux kernel, as its .config and fragments of one have them. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/spec.h"

namespace meros::image {

// Without "CONFIG_": "SMP" -> "y", "HZ" -> "100", "LOCALVERSION" -> "\"-micro\""; "n" for one that is not set.
using KernelConfig = std::map<std::string, std::string, std::less<>>;

// "CONFIG_SMP=y" and "# CONFIG_SMP is not set"; other comments and empty lines are passed over; the last word on an
// option counts. InvalidError "<origin>:<line>: …" for any other line.
KernelConfig parse_kernel_config(std::string_view text, std::string_view origin);
// In name order, as kconfig reads it.
std::string to_text(const KernelConfig& config);
// What the second says of an option counts.
KernelConfig merged(KernelConfig config, const KernelConfig& over);

// An option that kconfig did not leave as it was asked for.
struct LostOption {
  std::string name;   // "CONFIG_KVM_GUEST"
  std::string asked;  // "y"
  std::string got;    // "n"
  bool operator==(const LostOption&) const = default;
};
std::vector<LostOption> lost_options(const KernelConfig& asked, const KernelConfig& got);

// The smallest kernel of ours that has all a virtual machine of meros needs built in: on top of allnoconfig. Some of
// its options are of some versions of Linux only.
KernelConfig micro_config(vmm::Arch arch);
// What goes below every other config: no names of the place or time of a build in the kernel.
KernelConfig reproducible_config();

}  // namespace meros::image
