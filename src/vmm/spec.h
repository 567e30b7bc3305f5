// What a driver needs to know of one machine: plain values, no effects. Paths are relative to the machine's volume (the
// VMM's working directory) or absolute.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace meros::vmm {

enum class Arch { x86_64, aarch64 };
enum class Accel { kvm, tcg };
enum class DiskFormat { raw, qcow2 };
enum class Firmware { none, bios, uefi };  // none: the kernel is loaded by the VMM itself

std::string_view to_string(Arch arch);
std::string_view to_string(Accel accel);
std::string_view to_string(DiskFormat format);
// InvalidError names the text and what it may be.
Arch parse_arch(std::string_view text);
DiskFormat parse_disk_format(std::string_view text);
Arch host_arch();

struct Disk {
  std::string path;
  DiskFormat format = DiskFormat::raw;
  bool read_only = false;
  std::string serial;  // at most 20 bytes (virtio-blk); the guest sees /dev/disk/by-id/virtio-<serial>
  std::optional<std::string> backing_path;  // qcow2 only: an immutable file below it
  DiskFormat backing_format = DiskFormat::raw;
};

struct Nic {
  std::string tap;  // an existing TAP device, at most 15 bytes
  std::string mac;  // "02:00:00:00:00:01"
};

struct Spec {
  std::string name;  // of the machine, [A-Za-z0-9][A-Za-z0-9_-]{0,62}
  Arch arch = Arch::x86_64;
  Accel accel = Accel::tcg;
  unsigned vcpus = 1;
  std::uint64_t memory_mib = 512;

  std::optional<std::string> kernel;
  std::optional<std::string> initrd;
  std::string kernel_args;
  // The kernel finds virtio-mmio devices named on its command line (CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES), so that QEMU
  // can use microvm without ACPI. Unknown counts as no.
  bool kernel_has_virtio_mmio_cmdline = false;
  Firmware firmware = Firmware::none;

  std::vector<Disk> disks;  // the first is the root
  std::vector<Nic> nics;
  std::vector<std::string> cdroms;
  bool display = false;
  std::vector<std::string> extra_args;  // for QEMU's command line, after ours
};

}  // namespace meros::vmm
