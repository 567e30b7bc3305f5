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
// InvalidError when the backing file of the disk is gone or is not what it was.
void check_backing(const DiskConfig& disk);

// Makes the root disk of the volume from a template: a qcow2 overlay on it where the driver reads qcow2, else a copy by
// reflink or of the data extents only. The template is never written.
DiskConfig make_root_disk(const std::filesystem::path& volume, const std::filesystem::path& image, bool overlay,
                          bool read_only);

// A kernel that finds virtio-mmio devices on its command line (CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES): by the JSON file
// beside it ("<kernel>.json", "capabilities": {"virtio_mmio_cmdline": true}), or, in an uncompressed ELF, by the name
// of the kernel's own device for them, "virtio-mmio-cmdline" (drivers/virtio/virtio_mmio.c).
bool kernel_has_virtio_mmio_cmdline(const std::filesystem::path& kernel);

}  // namespace meros::machine
