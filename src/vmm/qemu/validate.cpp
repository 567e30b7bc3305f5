#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "network/address.h"
#include "network/tap.h"
#include "vmm/qemu/machine.h"

namespace meros::vmm::qemu {
namespace {

constexpr std::uint64_t least_memory_mib = 8;
constexpr std::uint64_t most_memory_mib = std::uint64_t{1} << 20;  // 1 TiB
// COMMAND_LINE_SIZE, with its closing zero, of x86 and arm64 in Linux.
constexpr std::size_t most_kernel_args = 2047;
// " virtio_mmio.device=512@0xfeb00e00:12", which microvm adds for each device.
constexpr std::size_t virtio_mmio_argument = 37;
constexpr std::size_t most_serial = 20;  // VIRTIO_BLK_ID_BYTES, linux/virtio_blk.h

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_path(std::string_view path, std::string_view what) {
  if (path.empty()) throw InvalidError(fmt::format("the {} has no path", what));
  if (!is_plain(path)) throw InvalidError(fmt::format("the path of the {} has a control character in it", what));
}

void check_processor(const Spec& spec) {
  if (spec.accel == Accel::kvm && spec.arch != host_arch())
    throw InvalidError(fmt::format("kvm cannot run a guest of {} on {}", to_string(spec.arch), to_string(host_arch())),
                       "use --accel tcg");
  if (const unsigned most = most_vcpus(spec); spec.vcpus < 1 || spec.vcpus > most)
    throw InvalidError(
        fmt::format("{} vCPUs are not possible", spec.vcpus),
        fmt::format("QEMU takes 1 to {} with {} on {}", most, to_string(spec.accel), to_string(spec.arch)));
  if (spec.memory_mib < least_memory_mib || spec.memory_mib > most_memory_mib)
    throw InvalidError(fmt::format("{} MiB of memory are not possible", spec.memory_mib),
                       fmt::format("give {} MiB to {} MiB", least_memory_mib, most_memory_mib));
}

std::size_t virtio_devices(const Spec& spec) {
  return spec.disks.size() + spec.nics.size() + 1;  // one for entropy
}

void check_boot(const Spec& spec) {
  if (!spec.kernel && spec.firmware == Firmware::none)
    throw InvalidError("there is nothing to boot: no kernel and no firmware", "give a kernel");
  if (spec.firmware == Firmware::bios && spec.arch == Arch::aarch64)
    throw InvalidError("aarch64 has no BIOS", "use the firmware uefi");
  if (spec.kernel) check_path(*spec.kernel, "kernel");
  if (spec.initrd) check_path(*spec.initrd, "initrd");
  if (spec.initrd && !spec.kernel)
    throw InvalidError("an initrd needs a kernel", "give a kernel, or leave the initrd out");
  if (!spec.kernel_args.empty() && !spec.kernel)
    throw InvalidError("kernel arguments need a kernel", "give a kernel, or leave them out");
  if (!is_plain(spec.kernel_args)) throw InvalidError("the kernel arguments have a control character in them");
  const std::size_t added = machine_of(spec) == Machine::microvm ? virtio_mmio_argument * virtio_devices(spec) : 0;
  if (spec.kernel_args.size() + added > most_kernel_args)
    throw InvalidError(fmt::format("the kernel arguments are {} bytes long", spec.kernel_args.size()),
                       fmt::format("this guest's kernel reads at most {}", most_kernel_args - added));
}

void check_disk(const Disk& disk) {
  check_path(disk.path, "disk");
  if (disk.serial.size() > most_serial)
    throw InvalidError(fmt::format("the serial '{}' of the disk '{}' is too long", disk.serial, disk.path),
                       fmt::format("at most {} bytes", most_serial));
  // They end up in a list that is separated by commas, and in a file name of the guest's /dev/disk/by-id.
  const bool readable = std::all_of(disk.serial.begin(), disk.serial.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!readable)
    throw InvalidError(fmt::format("the serial '{}' of the disk '{}' is not valid", disk.serial, disk.path),
                       "use letters, digits, '-', '_' and '.'");
  if (!disk.backing_path) return;
  if (disk.format != DiskFormat::qcow2)
    throw InvalidError(
        fmt::format("the disk '{}' is {}: only qcow2 stands on a backing file", disk.path, to_string(disk.format)));
  check_path(*disk.backing_path, "backing file of '" + disk.path + "'");
}

// QEMU's lock would refuse it too, but only at the start.
void check_written_once(const std::vector<Disk>& disks) {
  for (auto disk = disks.begin(); disk != disks.end(); ++disk)
    for (auto other = std::next(disk); other != disks.end(); ++other)
      if (disk->path == other->path && !(disk->read_only && other->read_only))
        throw InvalidError(fmt::format("the disk '{}' is there twice", disk->path),
                           "leave one out, or make both read-only");
}

void check_nics(const std::vector<Nic>& nics) {
  std::set<std::string> taps;
  for (const auto& nic : nics) {
    const bool name = !nic.tap.empty() && nic.tap.size() <= network::max_interface_name && is_plain(nic.tap) &&
                      nic.tap.find_first_of("/ :%") == std::string::npos;
    if (!name)
      throw InvalidError(fmt::format("'{}' cannot be the name of a TAP device", nic.tap),
                         fmt::format("use 1 to {} characters, no blank, '/', ':' or '%'", network::max_interface_name));
    if (!taps.insert(nic.tap).second)
      throw InvalidError(fmt::format("two NICs have the same TAP device '{}'", nic.tap));
    network::parse_mac(nic.mac, "MAC address");
  }
}

void check_device_count(const Spec& spec) {
  if (spec.cdroms.size() > most_cdroms)
    throw InvalidError(fmt::format("{} cdroms are too many", spec.cdroms.size()),
                       fmt::format("at most {}", most_cdroms));
  const Machine machine = machine_of(spec);
  const std::size_t most = (machine == Machine::microvm ? microvm_buses : pci_slots) - 1;
  if (spec.disks.size() + spec.nics.size() > most)
    throw InvalidError(fmt::format("{} disks and {} NICs are too many", spec.disks.size(), spec.nics.size()),
                       fmt::format("QEMU's {} takes {} of them together", to_string(machine), most));
}

void check_extra_args(const std::vector<std::string>& args) {
  for (const auto& arg : args) {
    if (!is_plain(arg)) throw InvalidError("an argument for QEMU has a control character in it");
    if (arg == "-daemonize" || arg == "--daemonize")
      throw InvalidError("'-daemonize' cannot be given to QEMU: it must stay the child of its supervisor",
                         "leave it out");
  }
}

}  // namespace

void validate(const Spec& spec) {
  check_name(spec.name, "machine name");
  check_processor(spec);
  check_boot(spec);
  for (const auto& disk : spec.disks) check_disk(disk);
  check_written_once(spec.disks);
  for (const auto& cdrom : spec.cdroms) check_path(cdrom, "cdrom");
  check_nics(spec.nics);
  check_device_count(spec);
  check_extra_args(spec.extra_args);
}

}  // namespace meros::vmm::qemu
