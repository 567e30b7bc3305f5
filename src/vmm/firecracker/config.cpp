#include "vmm/firecracker/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "network/address.h"
#include "network/tap.h"

namespace meros::vmm::firecracker {
namespace {

constexpr std::size_t max_path = 4095;  // PATH_MAX - 1, linux/limits.h
constexpr auto other_driver = "use --driver qemu";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Everything travels as JSON, which is UTF-8, and into logs, which people read on terminals.
void check_text(const std::string& text, std::string_view what) {
  if (std::any_of(text.begin(), text.end(), is_control))
    throw InvalidError(fmt::format("the {} has a control character in it", what));
  try {
    static_cast<void>(Json(text).dump());
  } catch (const Json::type_error&) {
    throw InvalidError(fmt::format("the {} is not valid UTF-8", what));
  }
}

void check_path(const std::string& path, std::string_view what) {
  if (path.empty()) throw InvalidError(fmt::format("the path of the {} is empty", what));
  if (path.size() > max_path)
    throw InvalidError(fmt::format("the path of the {} is longer than {} bytes", what, max_path));
  check_text(path, fmt::format("path of the {}", what));
}

void check_platform(const Spec& spec) {
  if (spec.arch != host_arch())
    throw InvalidError(fmt::format("Firecracker runs guests of the host's architecture only, which is {}, not {}",
                                   to_string(host_arch()), to_string(spec.arch)),
                       other_driver);
  if (spec.accel != Accel::kvm)
    throw InvalidError(fmt::format("Firecracker needs KVM, and accel is {}", to_string(spec.accel)),
                       "use --accel kvm, or --driver qemu, which runs without KVM");
}

void check_sizes(const Spec& spec) {
  if (spec.vcpus < 1 || spec.vcpus > max_vcpus)
    throw InvalidError(fmt::format("{} CPUs: Firecracker takes 1 to {}", spec.vcpus, max_vcpus));
  if (spec.memory_mib < 1 || spec.memory_mib > max_memory_mib)
    throw InvalidError(fmt::format("{} MiB of memory: Firecracker takes 1 to {} MiB", spec.memory_mib, max_memory_mib));
}

void check_features(const Spec& spec) {
  const auto refuse = [](std::string_view what) {
    throw InvalidError(fmt::format("Firecracker {}", what), other_driver);
  };
  if (spec.firmware != Firmware::none) refuse("has no firmware: it boots a kernel, not a disk");
  if (!spec.cdroms.empty()) refuse("has no CD-ROM drive");
  if (spec.display) refuse("has no display");
  if (!spec.extra_args.empty()) refuse("takes no arguments for its devices (qemu_args)");
}

// What Firecracker itself puts after the kernel arguments: pci=off, the root device, and where each device is.
std::size_t appended_kernel_args(const Spec& spec) {
  if (host_arch() != Arch::x86_64) return 0;  // found through the device tree
  constexpr std::size_t first_interrupt = 5;
  std::size_t size = std::string_view(" pci=off").size();
  if (!spec.disks.empty()) size += std::string_view(" root=/dev/vda ro").size();
  for (std::size_t i = 0; i < spec.disks.size() + spec.nics.size(); ++i)
    size += fmt::formatted_size(" virtio_mmio.device=4K@0xc0001000:{}", first_interrupt + i);
  return size;
}

void check_boot(const Spec& spec) {
  if (!spec.kernel)
    throw InvalidError(fmt::format("machine '{}' has no kernel, and Firecracker boots nothing else", spec.name),
                       "give it one with --kernel, or use --driver qemu");
  check_path(*spec.kernel, "kernel");
  if (spec.initrd) check_path(*spec.initrd, "initrd");
  check_text(spec.kernel_args, "kernel command line");
  const std::size_t room = max_kernel_args - appended_kernel_args(spec);
  if (spec.kernel_args.size() > room)
    throw InvalidError(fmt::format("the kernel command line has {} bytes, and Firecracker takes {} with these devices",
                                   spec.kernel_args.size(), room),
                       "shorten what --append adds");
}

void check_disks(const Spec& spec) {
  for (const Disk& disk : spec.disks) {
    check_path(disk.path, "disk");
    if (disk.format != DiskFormat::raw)
      throw InvalidError(
          fmt::format("disk '{}' is {}, and Firecracker reads raw images only", disk.path, to_string(disk.format)),
          "convert it with qemu-img, or use --driver qemu");
  }
}

void check_nics(const Spec& spec) {
  std::set<std::string> taps;
  std::set<std::string> macs;
  for (const Nic& nic : spec.nics) {
    if (nic.tap.empty() || nic.tap.size() > network::max_interface_name)
      throw InvalidError(fmt::format("the TAP name '{}' has {} bytes: 1 to {} are allowed", nic.tap, nic.tap.size(),
                                     network::max_interface_name));
    check_text(nic.tap, "TAP name");
    if (!taps.insert(nic.tap).second) throw InvalidError(fmt::format("TAP device '{}' is named twice", nic.tap));
    if (!macs.insert(network::parse_mac(nic.mac, "MAC address")).second)
      throw InvalidError(fmt::format("MAC address {} is given twice", nic.mac));
  }
}

void check_device_count(const Spec& spec) {
  const std::size_t count = spec.disks.size() + spec.nics.size();
  if (count > max_devices)
    throw InvalidError(
        fmt::format("{} disks and network interfaces: Firecracker takes {} together", count, max_devices),
        other_driver);
}

Plan::Request put(std::string path, const Json& body) { return {"PUT", std::move(path), body.dump()}; }

Plan::Request machine_config(const Spec& spec) {
  return put("/machine-config", {{"vcpu_count", spec.vcpus}, {"mem_size_mib", spec.memory_mib}});
}

Plan::Request boot_source(const Spec& spec) {
  Json body = {{"kernel_image_path", *spec.kernel}, {"boot_args", spec.kernel_args}};
  if (spec.initrd) body["initrd_path"] = *spec.initrd;
  return put("/boot-source", body);
}

Plan::Request drive(const Disk& disk, std::size_t index) {
  const bool root = index == 0;
  const std::string id = root ? "rootfs" : fmt::format("disk{}", index);
  Json body = {
      {"drive_id", id}, {"is_root_device", root}, {"is_read_only", disk.read_only}, {"path_on_host", disk.path}};
  // Firecracker's default passes over the guest's flushes, so that a host crash could break a file system that the
  // guest had synced.
  if (!disk.read_only) body["cache_type"] = "Writeback";
  return put("/drives/" + id, body);
}

Plan::Request network_interface(const Nic& nic, std::size_t index) {
  const std::string id = fmt::format("eth{}", index);
  return put("/network-interfaces/" + id,
             {{"iface_id", id}, {"host_dev_name", nic.tap}, {"guest_mac", network::parse_mac(nic.mac, "MAC address")}});
}

std::vector<Plan::Request> requests_of(const Spec& spec) {
  std::vector<Plan::Request> all{machine_config(spec), boot_source(spec)};
  for (std::size_t i = 0; i < spec.disks.size(); ++i) all.push_back(drive(spec.disks[i], i));
  for (std::size_t i = 0; i < spec.nics.size(); ++i) all.push_back(network_interface(spec.nics[i], i));
  all.push_back(put("/actions", {{"action_type", "InstanceStart"}}));
  return all;
}

void check_bodies(const Spec& spec) {
  for (const auto& request : requests_of(spec))
    if (request.body.size() > max_body)
      throw InvalidError(fmt::format("what Firecracker would be told at {} has {} bytes, and it takes {}", request.path,
                                     request.body.size(), max_body));
}

}  // namespace

void validate(const Spec& spec) {
  check_name(spec.name, "machine name");
  check_platform(spec);
  check_sizes(spec);
  check_features(spec);
  check_device_count(spec);
  check_boot(spec);
  check_disks(spec);
  check_nics(spec);
  check_bodies(spec);
}

Plan make_plan(const Spec& spec, const std::string& binary) {
  Plan plan;
  // The log goes to the pipe that stderr is: where Firecracker keeps its log on stdout, it cuts into the guest's lines.
  // Its level stays at the default, Info: above it the first line is logged by a vCPU thread, and with the first line
  // comes the reading of the time zone. Under that thread's seccomp filter a Firecracker built with glibc hangs on it,
  // and InstanceStart never returns.
  plan.argv = {binary,
               "--api-sock",
               fmt::format("{}/{}", run_directory, socket_name),
               "--id",
               host_name_of(spec.name),
               "--log-path",
               "/proc/self/fd/2",
               "--show-level"};
  plan.descriptors = {{PlannedDescriptor::Kind::console, 0, {}, 0}, {PlannedDescriptor::Kind::console, 1, {}, 0}};
  plan.requests = requests_of(spec);
  return plan;
}

}  // namespace meros::vmm::firecracker
