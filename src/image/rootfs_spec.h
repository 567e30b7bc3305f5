// What the root file system of one machine is made from. Plain values: the constellation's layer fills them in from a
// manifest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vmm/spec.h"

namespace meros::image {

enum class Distribution { debian, ubuntu, alpine };
std::string_view to_string(Distribution distribution);  // "debian": also the name of the user in the guest

enum class ImageFormat { qcow2, raw };  // raw: a bare ext4 file system, as Firecracker wants it

// A data disk that the machine finds by the label of its file system.
struct MountedDisk {
  std::string label;
  std::string fs_type;
  std::string mount_point;  // absolute
};

struct RootfsSpec {
  std::string constellation;
  std::string machine;
  Distribution distribution = Distribution::debian;
  std::string release;  // "bookworm"
  vmm::Arch arch = vmm::Arch::x86_64;
  std::vector<std::string> packages;
  std::vector<std::string> mirrors;  // empty: the distribution's own
  std::filesystem::path keyring;     // absolute, or empty for the distribution's own
  std::vector<MountedDisk> disks;
  std::uint64_t build_free_mb = 500;
  // Copied over the root, and run in it, in this order; absent directories are passed over.
  std::vector<std::filesystem::path> includes;
  std::vector<std::filesystem::path> hooks;
  ImageFormat format = ImageFormat::qcow2;
  bool kernel = true;  // the image's own kernel and an initrd for it; false: another one boots it

  std::string login;  // the user in the guest; empty: named after the distribution

  std::string host_name() const;  // "web-1"
  std::string user() const { return login.empty() ? std::string(to_string(distribution)) : login; }
};

}  // namespace meros::image
