// The files of a new volume: the root disk made from a template, the kernel, the initrd.
#pragma once

#include <filesystem>
#include <string>

#include "machine/config.h"

namespace meros::machine {

// What an image file says of itself. A qcow2 header is read by us, with bounds: nothing that an image names is opened.
// InvalidError for a qcow2 that names a backing file or an external data file (it could name any file of the host).
struct ImageInfo {
  vmm::DiskFormat format;
  std::uint64_t virtual_bytes;
};
ImageInfo inspect_image(const std::filesystem::path& image);

// "size:mtime:inode" of a file, by which a change is seen.
std::string file_stamp(const std::filesystem::path& path);
// InvalidError when the backing file of the disk (a path in `volume`, or absolute) is gone or is not what it was.
void check_backing(const std::filesystem::path& volume, const DiskConfig& disk);

// Makes the root disk of the volume from a template: a qcow2 overlay on it where the driver reads qcow2, else a copy by
// reflink or of the data extents only. The template is never written.
// `keep_image`: the image gets a second name in the volume (a copy where it cannot), so that the overlay outlives an
// image that is built anew under the same name. `bytes`: the disk's size, where it is more than the image's.
struct RootDiskOptions {
  bool overlay = false;
  bool read_only = false;
  bool keep_image = false;
  std::uint64_t bytes = 0;
};
DiskConfig make_root_disk(const std::filesystem::path& volume, const std::filesystem::path& image,
                          const RootDiskOptions& options);

// A disk of its own for a machine: a sparse raw file "disk-<label>.raw" in the volume, with a file system of that
// label.
struct NewDisk {
  std::string label;
  std::uint64_t bytes = 0;
  std::string file_system;  // ext2, ext3, ext4, xfs, btrfs, vfat
};
// HostError when the program that makes such a file system is not installed.
DiskConfig make_data_disk(const std::filesystem::path& volume, const NewDisk& disk);
// The config of one that the volume has.
DiskConfig former_data_disk(const NewDisk& disk);

// A kernel that finds virtio-mmio devices on its command line (CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES): by the JSON file
// beside it ("<kernel>.json", "capabilities": {"virtio_mmio_cmdline": true}; "bytes" must be the kernel's), or, in an
// uncompressed ELF, by the name of the kernel's own device for them, "virtio-mmio-cmdline"
// (drivers/virtio/virtio_mmio.c).
bool kernel_has_virtio_mmio_cmdline(const std::filesystem::path& kernel);

}  // namespace meros::machine
