// `meros kernel-build`: a Linux kernel for virtual machines, from sources and a config, into data/disks.
//
// What is built stays in the cache (entries "source-…" and "objects-…"), so that a changed config builds only what it
// changes. The same sources, config and compiler give the same bytes, and nothing is done where they are what they
// were.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "image/kernel_facts.h"
#include "image/kernel_source.h"
#include "machine/home.h"
#include "vmm/spec.h"

namespace meros::image {

struct KernelBuildOptions {
  machine::Home home;
  std::string source = {};                            // as kernel_source() reads it; "": the newest of the main tree
  std::string config = "micro";                       // "micro", "defconfig", or the path of a .config
  std::vector<std::filesystem::path> fragments = {};  // over it, in this order
  vmm::Arch arch = vmm::host_arch();
  unsigned jobs = 0;  // 0: as many as there are processors
  // How far long work is, in steps of its own. Called often; may be empty.
  KernelProgress on_progress = {};
};

struct KernelBuildResult {
  KernelFacts facts;
  bool unchanged = false;                        // nothing was to do
  std::filesystem::path kernel;                  // data/disks/bzImage, or Image for aarch64
  std::optional<std::filesystem::path> vmlinux;  // data/disks/vmlinux: the ELF kernel for Firecracker; x86_64 only
  std::filesystem::path config;                  // "<kernel>.config"
};

// The results replace former ones when they are whole. Waits while another process builds a kernel in the same data
// directory. Options that did not come out as asked are warned of. HostError where a program, compiler or header is
// missing: before anything is done. Error with the last lines of the log where the build fails.
KernelBuildResult build_kernel(const KernelBuildOptions& options, Reporter& reporter);

}  // namespace meros::image
