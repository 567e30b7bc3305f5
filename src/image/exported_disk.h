// The content of a disk image as a file that can be read and written: qemu-storage-daemon exports it by FUSE. For a
// worker (image/worker.h), whose end takes the mount and the daemon with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "vmm/spec.h"

namespace meros::image {

// Why this host cannot do so, with the way out in the hint; nothing where it can.
std::optional<Error> why_no_export();

class ExportedDisk {
 public:
  // `image` must be our own: what it names is opened. `place` is made as the file to be mounted over. Error where the
  // daemon refuses the image; its words are in the log.
  ExportedDisk(const std::filesystem::path& image, vmm::DiskFormat format, const std::filesystem::path& place);
  ExportedDisk(const ExportedDisk&) = delete;
  ExportedDisk& operator=(const ExportedDisk&) = delete;
  ~ExportedDisk() = default;  // kills it, if it still runs

  const std::filesystem::path& file() const { return place_; }
  // Until all of it is in the image. Error where that fails.
  void finish();

 private:
  std::filesystem::path place_;
  Child daemon_;
  Fd input_;
};

// An ext2, ext3 or ext4 file system in a file, mounted by fuse2fs(1), with set-user-id bits as in a mount of the
// kernel's.
class MountedExt {
 public:
  // `place` is a directory, made where it is absent.
  MountedExt(const std::filesystem::path& file, std::uint64_t offset, const std::filesystem::path& place);
  MountedExt(const MountedExt&) = delete;
  MountedExt& operator=(const MountedExt&) = delete;
  ~MountedExt();

  const std::filesystem::path& root() const { return place_; }
  // Unmounts it, with what is mounted in it, until everything is written. Error where that fails.
  void finish();

 private:
  std::filesystem::path place_;
  Child server_;
};

}  // namespace meros::image
