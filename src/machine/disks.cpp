#include "machine/disks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

// The qcow2 header, docs/interop/qcow2.txt of QEMU: big-endian, 72 bytes in version 2, more in version 3.
constexpr std::string_view qcow2_magic = "QFI\xfb";
constexpr std::size_t backing_offset_at = 8;
constexpr std::size_t size_at = 24;
constexpr std::size_t incompatible_at = 72;
constexpr std::uint64_t external_data_bit = 1U << 2;

std::uint64_t big_endian_64(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

std::string head_of(const Fd& file, std::size_t size) {
  std::string head(size, '\0');
  const ssize_t n = ::pread(file.get(), head.data(), size, 0);
  if (n < 0) throw_errno("cannot read it");
  head.resize(static_cast<std::size_t>(n));
  return head;
}

ImageInfo inspect_qcow2(std::string_view head) {
  if (head.size() < incompatible_at) throw InvalidError("it is a qcow2 image that was cut short");
  const auto version = big_endian_64(head, 0) & 0xffffffff;
  if (version != 2 && version != 3) throw InvalidError(fmt::format("it is a qcow2 image of version {}", version));
  const std::string flatten = "flatten it first: qemu-img convert -O qcow2 IMAGE NEW";
  if (big_endian_64(head, backing_offset_at) != 0) throw InvalidError("it names a backing file", flatten);
  if (version == 3 && head.size() >= incompatible_at + 8 &&
      (big_endian_64(head, incompatible_at) & external_data_bit) != 0)
    throw InvalidError("it names an external data file", flatten);
  return {vmm::DiskFormat::qcow2, big_endian_64(head, size_at)};
}

void run_qemu_img(Command command) {
  command.parent_death_signal = SIGKILL;  // a verb that is killed leaves nothing at work
  const Output output = run(std::move(command));
  if (!output.status.success())
    throw Error("qemu-img failed: " + last_lines(output.err.empty() ? output.out : output.err, 3));
}

bool elf_contains(const fs::path& file, std::string_view needle) {
  const Fd fd = open_file(file, O_RDONLY);
  if (head_of(fd, 4) !=
      "\x7f"
      "ELF")
    return false;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("cannot look at '" + file.string() + "'");
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) throw_errno("cannot map '" + file.string() + "'");
  const bool found = ::memmem(mapped, size, needle.data(), needle.size()) != nullptr;
  ::munmap(mapped, size);
  return found;
}

constexpr std::size_t max_serial = 20;  // VIRTIO_BLK_ID_BYTES, linux/virtio_blk.h

// A second name costs nothing, and whoever builds the image anew replaces its first one only.
std::string keep_in_volume(const fs::path& volume, const fs::path& image) {
  const std::string name = "image" + image.extension().string();
  std::error_code failure;
  fs::create_hard_link(fs::canonical(image), volume / name, failure);
  if (failure) clone_file(image, volume / name);
  return name;
}

std::vector<std::string> make_file_system_argv(const NewDisk& disk, const std::string& path) {
  const std::string& kind = disk.file_system;
  if (kind == "ext2" || kind == "ext3" || kind == "ext4")
    return {"mke2fs", "-q", "-F", "-t", kind, "-L", disk.label, path};
  if (kind == "vfat") return {"mkfs.vfat", "-n", disk.label, path};
  if (kind == "xfs" || kind == "btrfs") return {"mkfs." + kind, "-q", "-L", disk.label, path};
  throw InvalidError("'" + kind + "' is not a file system that meros can make");
}

}  // namespace

ImageInfo inspect_image(const fs::path& image) {
  try {
    const Fd file = open_file(image, O_RDONLY | O_NONBLOCK);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throw_errno("cannot look at it");
    if (!S_ISREG(info.st_mode)) throw InvalidError("it is not a regular file");
    const std::string head = head_of(file, 512);
    if (head.starts_with(qcow2_magic)) return inspect_qcow2(head);
    if (info.st_size == 0) throw InvalidError("it is empty");
    return {vmm::DiskFormat::raw, static_cast<std::uint64_t>(info.st_size)};
  } catch (SystemError& e) {
    if (e.error_number() == ENOENT)
      throw NotFoundError("image '" + image.string() + "' does not exist", "check the path");
    e.add_context("cannot use image '" + image.string() + "'");
    throw;
  } catch (Error& e) {
    e.add_context("cannot use image '" + image.string() + "'");
    throw;
  }
}

std::string file_stamp(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_errno("cannot look at '" + path.string() + "'");
  return fmt::format("{}:{}.{:09}:{}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ino);
}

void check_backing(const fs::path& volume, const DiskConfig& disk) {
  if (!disk.backing_path) return;
  const fs::path backing = volume / *disk.backing_path;
  if (!fs::exists(backing))
    throw NotFoundError("the image '" + *disk.backing_path + "' below disk '" + disk.path + "' is gone",
                        "put it back, or delete the machine and create it anew");
  if (file_stamp(backing) != disk.backing_stamp)
    throw InvalidError("the image '" + *disk.backing_path + "' below disk '" + disk.path +
                           "' was changed since the machine was created, so its disk no longer fits",
                       "put the former image back, or delete the machine and create it anew");
}

DiskConfig make_root_disk(const fs::path& volume, const fs::path& image, const RootDiskOptions& options) {
  const ImageInfo info = inspect_image(image);
  DiskConfig disk;
  disk.read_only = options.read_only;
  if (!options.overlay) {
    if (info.format != vmm::DiskFormat::raw)
      throw InvalidError("image '" + image.string() + "' is qcow2, and this driver reads raw images only",
                         "convert it ('qemu-img convert -O raw IMAGE NEW'), or use --driver qemu");
    disk.path = "rootfs.ext4";
    clone_file(image, volume / disk.path);
    if (options.bytes > info.virtual_bytes) fs::resize_file(volume / disk.path, options.bytes);
    return disk;
  }
  disk.path = "rootfs.qcow2";
  disk.format = vmm::DiskFormat::qcow2;
  disk.backing_path = options.keep_image ? keep_in_volume(volume, image) : fs::canonical(image).string();
  disk.backing_format = info.format;
  disk.backing_stamp = file_stamp(volume / *disk.backing_path);
  const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
  Command command;
  // The size is given, so that qemu-img opens nothing but the file it makes.
  command.argv = {"qemu-img", "create",
                  "-q",       "-u",
                  "-f",       "qcow2",
                  "-b",       *disk.backing_path,
                  "-F",       std::string(to_string(info.format)),
                  disk.path,  std::to_string(std::max(info.virtual_bytes, options.bytes))};
  command.working_directory = directory.get();
  run_qemu_img(std::move(command));
  return disk;
}

DiskConfig former_data_disk(const NewDisk& disk) {
  DiskConfig config;
  config.path = "disk-" + disk.label + ".raw";
  config.serial = disk.label.substr(0, max_serial);
  return config;
}

DiskConfig make_data_disk(const fs::path& volume, const NewDisk& disk) {
  DiskConfig config = former_data_disk(disk);
  const Fd file = open_file(volume / config.path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (::ftruncate(file.get(), static_cast<off_t>(disk.bytes)) != 0)
    throw_errno("cannot make disk '" + disk.label + "'");
  const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
  Command command;
  command.argv = make_file_system_argv(disk, config.path);
  command.working_directory = directory.get();
  const Output output = run(std::move(command), {}, Deadline::after(std::chrono::minutes(5)));
  if (!output.status.success())
    throw Error("cannot make a " + disk.file_system + " file system on disk '" + disk.label +
                "': " + std::string(trim(output.err)));
  return config;
}

bool kernel_has_virtio_mmio_cmdline(const fs::path& kernel) {
  if (const auto text = read_file_if_exists(kernel.string() + ".json", 1 << 20)) {
    const Json json = parse_json(*text, kernel.string() + ".json");
    const auto bytes = get_or<std::uint64_t>(json, "bytes", fs::file_size(kernel));
    if (bytes != fs::file_size(kernel)) return false;  // it tells of another kernel
    return get_or<bool>(get_or<Json>(json, "capabilities", Json::object()), "virtio_mmio_cmdline", false);
  }
  return elf_contains(kernel, "virtio-mmio-cmdline");
}

}  // namespace meros::machine
