#include "vmm/qemu/command_line.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "network/address.h"
#include "vmm/qemu/extra_args.h"
#include "vmm/qemu/machine.h"

namespace meros::vmm::qemu {
namespace {

using Kind = PlannedDescriptor::Kind;
// Keeps its members in the order they are written, for people who read the command line.
using Options = nlohmann::ordered_json;

// The numbers of microvm's buses, in the order in which its devices take them.
//
// Linux probes them downward (bus 7 first), so they are taken downward too: the first disk is /dev/vda. Bus N has the
// ISA interrupt 5 + N. Of these 8 is the clock's and 12 the mouse port's; the devices stay off both as long as they
// can.
std::vector<unsigned> microvm_bus_order(std::size_t devices) {
  std::vector<unsigned> buses = {6, 5, 4, 2, 1, 0, 7, 3};
  buses.resize(std::min(devices, buses.size()));
  std::sort(buses.begin(), buses.end(), std::greater<>());
  return buses;
}

// A block device is opened by another driver of QEMU's than a file.
std::string protocol_of(const std::string& path) {
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/") ? "host_device" : "file";
}

class CommandLine {
 public:
  CommandLine(const Spec& spec, const std::string& binary, const HostFacts& host)
      : spec_(spec),
        machine_(machine_of(spec)),
        extra_(spec.extra_args),
        host_(host),
        buses_(microvm_bus_order(virtio_devices())) {
    plan_.argv.push_back(binary);
  }

  Plan build() && {
    add_process();
    add_board();
    add_boot();
    add_serial_line();
    add_monitors();
    for (const auto& disk : spec_.disks) add_disk(disk);
    for (const auto& cdrom : spec_.cdroms) add_cdrom(cdrom);
    for (const auto& nic : spec_.nics) add_nic(nic);
    add("-device", virtio("rng"));
    if (spec_.display) add_display();
    plan_.argv.insert(plan_.argv.end(), spec_.extra_args.begin(), spec_.extra_args.end());
    return std::move(plan_);
  }

 private:
  template <typename... Arguments>
  void add(Arguments&&... arguments) {
    (plan_.argv.emplace_back(std::forward<Arguments>(arguments)), ...);
  }
  // One of ours that the user's own may replace.
  void add_unless_replaced(const std::string& option, const std::string& value) {
    if (!extra_.replaces(option)) add("-" + option, value);
  }

  int descriptor(Kind kind, const std::string& path = {}, int flags = 0) {
    plan_.descriptors.push_back({kind, next_descriptor_, path, flags});
    return next_descriptor_++;
  }

  std::size_t virtio_devices() const { return spec_.disks.size() + spec_.nics.size() + 1; }

  // "virtio-blk-pci", or "virtio-blk-device,bus=…": the device of that kind on this machine's bus.
  std::string virtio(std::string_view kind) {
    if (machine_ != Machine::microvm) return fmt::format("virtio-{}-pci", kind);
    return fmt::format("virtio-{}-device,bus=virtio-mmio-bus.{}", kind, buses_.at(next_bus_++));
  }

  void add_process() {
    // A guest that resets or powers off only halts; QEMU then waits to be told to end. Where it ended by itself, a
    // command of ours that comes just then could hang it (7.2: monitor_cleanup() waits for the command, but does not
    // run it).
    add("-name", spec_.name, "-nodefaults", "-no-user-config", "-no-reboot", "-no-shutdown", "-S");
    add_unless_replaced("sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    if (!spec_.display) add_unless_replaced("display", "none");
  }

  std::string board() const {
    if (machine_ == Machine::virt) return "virt,gic-version=max";
    if (machine_ == Machine::microvm)
      // With every bus taken a device has the clock's interrupt, and only one of them could have it.
      return virtio_devices() < microvm_buses ? "microvm,acpi=off" : "microvm,acpi=off,rtc=off";
    std::string q35 = "q35,vmport=off";
    // An empty disk controller costs a Linux guest a probe of six ports.
    if (spec_.cdroms.empty() && spec_.extra_args.empty()) q35 += ",sata=off";
    // SeaBIOS and boot loaders then speak on the serial line.
    if (spec_.firmware == Firmware::bios && !spec_.display) q35 += ",graphics=off";
    return q35;
  }

  std::string cpu() const {
    if (spec_.accel == Accel::kvm)
      return spec_.arch == Arch::aarch64 || host_.arch_capabilities ? "host" : "host,arch-capabilities=off";
    // Pointer authentication by the architected cipher makes an emulated aarch64 several times slower.
    return spec_.arch == Arch::aarch64 ? "max,pauth-impdef=on" : "max";
  }

  void add_board() {
    add_unless_replaced("machine", board());
    add_unless_replaced("accel", std::string(to_string(spec_.accel)));
    add_unless_replaced("cpu", cpu());
    add_unless_replaced("m", fmt::format("{}M", spec_.memory_mib));
    add_unless_replaced("smp", std::to_string(spec_.vcpus));
    if (machine_ != Machine::microvm) return;
    // Virtio 1, as Firecracker has it; QEMU's default here is the legacy interface.
    add("-global", "virtio-mmio.force-legacy=false");
    // Its port 0x64 is how the guest resets, and its keyboard brings Ctrl+Alt+Del.
    add("-device", "i8042");
  }

  void add_boot() {
    if (spec_.firmware == Firmware::uefi) add_unless_replaced("bios", host_.uefi_image);
    if (spec_.kernel) add("-kernel", *spec_.kernel);
    if (spec_.initrd) add("-initrd", *spec_.initrd);
    if (!spec_.kernel_args.empty()) add("-append", spec_.kernel_args);
  }

  void add_serial_line() {
    add("-chardev", fmt::format("socket,id=console,fd={}", descriptor(Kind::console)));
    add("-serial", "chardev:console");
  }

  void add_monitors() {
    add("-chardev", fmt::format("socket,id=control,fd={}", descriptor(Kind::control)));
    add("-mon", "chardev=control,mode=control");
    add("-chardev",
        fmt::format("socket,id=people,fd={},server=on,wait=off", descriptor(Kind::listener, people_socket)));
    add("-mon", "chardev=people,mode=control");
  }

  // A file of the host that QEMU gets opened: its own user may not be able to reach the path.
  Options opened_file(const std::string& path, bool read_only) {
    const int fd = descriptor(Kind::file, path, read_only ? O_RDONLY : O_RDWR);
    add("-add-fd", fmt::format("fd={},set={}", fd, fd));
    Options file = {{"driver", protocol_of(path)}, {"filename", fmt::format("/dev/fdset/{}", fd)}};
    if (read_only)
      file["read-only"] = true;
    else
      file["discard"] = "unmap";
    return file;
  }

  Options image(DiskFormat format, const std::string& path, bool read_only) {
    Options node = {{"driver", to_string(format)}};
    if (read_only)
      node["read-only"] = true;
    else
      node["discard"] = "unmap";
    node["file"] = opened_file(path, read_only);
    // Null, and not absent: QEMU would open whatever path the image's own header names.
    if (format == DiskFormat::qcow2) node["backing"] = nullptr;
    return node;
  }

  void add_block_node(const std::string& name, Options node) {
    node["node-name"] = name;
    add("-blockdev", node.dump());
  }

  // Where the firmware chooses what to boot: the disks in their order, then the cdroms.
  std::string boot_index() { return spec_.kernel ? std::string{} : fmt::format(",bootindex={}", next_boot_index_++); }

  void add_disk(const Disk& disk) {
    const std::string name = fmt::format("disk{}", next_disk_++);
    Options node = image(disk.format, disk.path, disk.read_only);
    if (disk.backing_path) node["backing"] = image(disk.backing_format, *disk.backing_path, true);
    add_block_node(name, std::move(node));
    const std::string serial = disk.serial.empty() ? "" : ",serial=" + disk.serial;
    add("-device", fmt::format("{},drive={}{}{}", virtio("blk"), name, serial, boot_index()));
  }

  void add_cdrom(const std::string& path) {
    const unsigned number = next_cdrom_++;
    const std::string name = fmt::format("cdrom{}", number);
    add_block_node(name, image(DiskFormat::raw, path, true));
    if (machine_ == Machine::virt) {
      if (number == 0) add("-device", "virtio-scsi-pci,id=scsi");
      add("-device", fmt::format("scsi-cd,bus=scsi.0,drive={}{}", name, boot_index()));
    } else {
      add("-device", fmt::format("ide-cd,bus=ide.{},drive={}{}", number, name, boot_index()));
    }
  }

  void add_nic(const Nic& nic) {
    const std::string name = fmt::format("nic{}", next_nic_++);
    // vhost would need one more descriptor, of a device that only root may open.
    add("-netdev", fmt::format("tap,id={},fd={},vhost=off", name, descriptor(Kind::tap, nic.tap)));
    // Booting over the network is not what anybody waits for.
    const char* no_rom = machine_ == Machine::microvm ? "" : ",romfile=";
    add("-device",
        fmt::format("{},netdev={},mac={}{}", virtio("net"), name, network::parse_mac(nic.mac, "MAC address"), no_rom));
  }

  void add_display() {
    add("-vnc", fmt::format("unix:{}", display_socket));
    add("-device", machine_ == Machine::virt ? "virtio-gpu-pci" : "VGA");
    add("-device", "qemu-xhci");
    if (machine_ == Machine::virt) add("-device", "usb-kbd");
    add("-device", "usb-tablet");
  }

  const Spec& spec_;
  const Machine machine_;
  const ExtraArgs extra_;
  const HostFacts& host_;
  const std::vector<unsigned> buses_;
  Plan plan_;
  int next_descriptor_ = 3;
  unsigned next_bus_ = 0;
  unsigned next_boot_index_ = 0;
  unsigned next_disk_ = 0;
  unsigned next_cdrom_ = 0;
  unsigned next_nic_ = 0;
};

}  // namespace

const std::vector<std::string>& uefi_images(Arch arch) {
  static const std::vector<std::string> x86_64 = {"/usr/share/ovmf/OVMF.fd", "/usr/share/qemu/OVMF.fd"};
  static const std::vector<std::string> aarch64 = {"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
                                                   "/usr/share/edk2/aarch64/QEMU_EFI.fd"};
  return arch == Arch::x86_64 ? x86_64 : aarch64;
}

Plan plan(const Spec& spec, const std::string& binary, const HostFacts& host) {
  return CommandLine(spec, binary, host).build();
}

}  // namespace meros::vmm::qemu
