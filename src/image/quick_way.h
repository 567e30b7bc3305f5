// The quick way into a disk image, without booting anything: its content exported as a file, its ext file system
// mounted by fuse2fs. For a worker.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "vmm/spec.h"

namespace meros::image {

// A disk image of our own that is being worked on.
struct WorkDisk {
  std::filesystem::path image;
  vmm::DiskFormat format = vmm::DiskFormat::qcow2;
  std::uint64_t bytes = 0;
  bool has_grown = false;      // the root is to fill it
  std::filesystem::path work;  // a directory for mount points
};

// Where a root was found.
struct RootPlace {
  std::string device;    // as a virtual machine sees it: "/dev/vda1"
  bool is_bare = false;  // a file system without a partition table
};
using EditRoot = std::function<void(const RootPlace& place, const std::filesystem::path& root)>;

// Runs `edit` with the root mounted. False where there is none on an ext file system, and one may be on another: the
// partition table has then grown with the disk, and nothing else. InvalidError for a disk with no system on it, an
// encrypted one, or a damaged one.
bool edit_quickly(const WorkDisk& disk, const EditRoot& edit);

// The errors of a disk that neither way finds a root on.
[[noreturn]] void no_system(const std::string& what_is_there);
[[noreturn]] void encrypted();

}  // namespace meros::image
