// "<kernel>.json" beside a kernel that was built here: what it is made from and what it can. machine/disks.h reads its
// capabilities.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "image/kernel_config.h"

namespace meros::image {

constexpr int kernel_facts_schema_version = 1;

// What a machine may need of a kernel -> whether this one can: "virtio_mmio_cmdline" (it finds virtio-mmio devices
// named on its command line), "virtio_pci", "acpi", "pvh", "initrd", "modules", "display", "vsock", "nftables",
// "overlayfs", "virtiofs", "9p". Only what is built in counts.
using KernelCapabilities = std::map<std::string, bool>;
KernelCapabilities capabilities_of(const KernelConfig& config);

struct KernelFacts {
  std::string arch;           // "x86_64"
  std::string version;        // "6.1.192-micro", as uname -r in the guest
  std::string source;         // as it was given
  std::string commit;         // of a git source; else empty
  std::string config;         // "micro", "defconfig", or a file's path
  std::string config_sha256;  // of the final .config
  std::string compiler;       // "gcc (Debian 12.2.0-14) 12.2.0"
  std::string sha256;         // of the kernel
  std::uint64_t bytes = 0;    // of the kernel
  std::int64_t built_at = 0;  // milliseconds since 1970
  KernelCapabilities capabilities;
  std::vector<LostOption> lost;

  // By which a later run sees that there is nothing to do.
  std::string inputs;               // digest of everything that it is made from
  std::string source_identity;      // of the source's content
  std::string source_stamp;         // machine::file_stamp of a tarball when that was its identity
  std::vector<std::string> stamps;  // machine::file_stamp of the results
};

nlohmann::json to_json(const KernelFacts& facts);
// Nothing where there is no such file, or it is not one of ours that we understand: then the kernel is built anew.
std::optional<KernelFacts> read_kernel_facts(const std::filesystem::path& path);

}  // namespace meros::image
