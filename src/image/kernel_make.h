// What is run to build a kernel, as values. Pure.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vmm/spec.h"

namespace meros::image {

struct KernelMake {
  std::filesystem::path source;   // nothing is written there
  std::filesystem::path objects;  // where all is made (kbuild's O=)
  vmm::Arch arch = vmm::Arch::x86_64;
  vmm::Arch host = vmm::Arch::x86_64;
  unsigned jobs = 1;
  bool ccache = false;
};

// "", or "aarch64-linux-gnu-" where it is for another architecture than the host's.
std::string cross_prefix(const KernelMake& make);
// make(1) for these targets.
std::vector<std::string> make_argv(const KernelMake& make, const std::vector<std::string>& targets);
// All that the build sees: of `ours` (as environ(7)) only what says where programs are; in place of user, host and time
// the same for everybody.
std::vector<std::string> kernel_environment(const std::vector<std::string>& ours);

// What is made and booted: "bzImage", "Image"; also what it is called in data/disks.
std::string kernel_file(vmm::Arch arch);
// Below `objects`: "arch/x86/boot/bzImage".
std::filesystem::path made_kernel(vmm::Arch arch);

// "  CC      init/main.o": a line of kbuild's about one thing that it makes.
bool is_build_step(std::string_view line);
// About how many such lines a build from nothing has, by the number of options that are built in.
std::uint64_t expected_steps(std::size_t options);

}  // namespace meros::image
