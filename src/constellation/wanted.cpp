#include "constellation/wanted.h"

#include <fmt/format.h>
#include <nettle/md5.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "network/names.h"
#include "network/tap.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

using nlohmann::json;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

std::array<std::uint8_t, MD5_DIGEST_SIZE> md5(std::string_view text) {
  md5_ctx context;
  md5_init(&context);
  md5_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  std::array<std::uint8_t, MD5_DIGEST_SIZE> digest{};
  md5_digest(&context, digest.size(), digest.data());
  return digest;
}

// A machine-id(5) that stays the same for a volume.
std::string machine_id(const fs::path& volume) {
  std::string id;
  for (const auto byte : md5("machine-id " + volume.string())) id += fmt::format("{:02x}", byte);
  return id;
}

std::string kernel_text(const Kernel& kernel) {
  if (kernel.from == Kernel::From::path) return kernel.path;
  return kernel.from == Kernel::From::image ? "image" : "firmware";
}

json networks_of(const Machine& machine) {
  json networks = json::array();
  for (const auto& nic : machine.networks)
    networks.push_back({{"label", nic.label},
                        {"bridge", nic.bridge},
                        {"ip_addr", nic.ip_addr ? json(nic.ip_addr->to_string()) : json()},
                        {"mac", nic.mac ? json(*nic.mac) : json()}});
  return networks;
}

json disks_of(const Machine& machine) {
  json disks = json::array();
  for (const auto& disk : machine.disks)
    disks.push_back({{"label", disk.label},
                     {"size_gb", disk.size_gb},
                     {"fs_type", to_string(disk.fs_type)},
                     {"mount_point", disk.mount_point},
                     {"root", disk.is_root}});
  return disks;
}

json fields_of(const Machine& machine, const ImageFacts& image) {
  return {{"distribution", to_string(machine.distribution)},
          {"release", machine.release},
          {"arch", to_string(machine.arch)},
          {"driver", machine.driver},
          {"memory", machine.memory_mib},
          {"cpus", machine.cpus},
          {"accel", machine.accel},
          {"display", machine.display},
          {"kernel", kernel_text(machine.kernel)},
          {"initrd", machine.initrd},
          {"append", machine.append},
          {"firmware", machine.firmware == vmm::Firmware::uefi ? "uefi" : "bios"},
          {"cdrom", machine.cdroms},
          {"packages", machine.packages},
          {"mirrors", machine.mirrors},
          {"keyring", machine.keyring},
          {"build_free_mb", machine.build_free_mb},
          {"networks", networks_of(machine)},
          {"disks", disks_of(machine)},
          {"depends_on", machine.depends_on},
          {"ready", machine.ready.to_string()},
          {"restart", machine.restart.to_string()},
          {"qemu_args", machine.qemu_args},
          {"image", image.stamp}};
}

class Translation {
 public:
  Translation(const Manifest& manifest, const Surroundings& surroundings)
      : manifest_(manifest), surroundings_(surroundings), network_(network()) {}

  Wanted run() {
    Wanted wanted;
    wanted.constellation = manifest_.constellation;
    wanted.network = network_;
    for (const auto& machine : manifest_.machines) wanted.machines.push_back(translate(machine));
    return wanted;
  }

 private:
  const machine::Home& home() const { return surroundings_.home; }

  // Paths of the manifest are relative to the directory that holds data/.
  std::string path(const std::string& given) const {
    return (home().data_dir.parent_path() / given).lexically_normal().string();
  }

  const ImageFacts& image_of(const Machine& machine) const {
    static const ImageFacts none;
    const auto found = surroundings_.images.find(machine.name);
    return found == surroundings_.images.end() ? none : found->second;
  }

  fs::path volume(const Machine& machine) const {
    return machine::volume_of(home(), {manifest_.constellation, machine.name});
  }

  network::NetworkSpec network() const {
    network::NetworkSpec spec;
    spec.constellation = manifest_.constellation;
    spec.data_dir = home().data_dir.string();
    spec.uplink = manifest_.uplink;
    for (const auto& bridge : manifest_.bridges) spec.bridges.push_back(bridge_spec(bridge));
    for (const auto& machine : manifest_.machines)
      for (const auto& nic : machine.networks) spec.ports.push_back(port(machine, nic));
    spec.ports = network::with_addresses(spec, surroundings_.remembered);
    return spec;
  }

  static network::BridgeSpec bridge_spec(const Bridge& bridge) {
    network::BridgeSpec spec;
    spec.name = bridge.name;
    spec.subnet = bridge.subnet;
    spec.policy = bridge.policy;
    spec.allowed_ports = bridge.allowed_ports;
    spec.allowed_ips = bridge.allowed_ips;
    spec.allow_icmp = bridge.allow_icmp;
    spec.auto_create = bridge.auto_create;
    spec.peer_isolation = bridge.peer_isolation;
    spec.host_loopback = bridge.host_loopback;
    return spec;
  }

  network::PortSpec port(const Machine& machine, const Nic& nic) const {
    const std::string identity = (volume(machine) / nic.label).string();
    const Bridge* bridge = manifest_.find_bridge(nic.bridge);
    network::PortSpec port;
    port.machine = machine.name;
    // The way out has a name of its own in there.
    port.tap = network::tap_name("tap", nic.label == network::inside_uplink ? "" : nic.label, identity);
    port.bridge = nic.bridge;
    // On a bridge of the host it meets those of other data directories.
    const bool shared = bridge != nullptr && !bridge->auto_create;
    port.mac = nic.mac ? *nic.mac : mac_of_label(shared ? identity : nic.label);
    port.address = nic.ip_addr;
    port.owner_uid = surroundings_.vmm_user(volume(machine));
    return port;
  }

  std::vector<machine::NetworkConfig> nics_of(const Machine& machine) const {
    std::vector<machine::NetworkConfig> nics;
    for (const auto& port : network_.ports) {
      if (port.machine != machine.name) continue;
      const network::BridgeSpec* bridge = network_.find_bridge(port.bridge);
      machine::NetworkConfig nic;
      nic.bridge = port.bridge;
      nic.tap_device = port.tap;
      nic.mac_addr = port.mac;
      if (port.address) nic.guest_ip = port.address->to_string();
      if (port.address && bridge != nullptr && bridge->subnet) {
        nic.gateway_ip = bridge->subnet->address.to_string();
        nic.netmask = bridge->subnet->netmask().to_string();
      }
      nics.push_back(std::move(nic));
    }
    return nics;
  }

  void boot(const Machine& machine, machine::CreateRequest& request) const {
    const ImageFacts& image = image_of(machine);
    request.append = machine.append;
    if (!machine.initrd.empty()) request.initrd = path(machine.initrd);
    const bool of_image = machine.kernel.from == Kernel::From::image;
    if (machine.kernel.from == Kernel::From::firmware || (of_image && image.boots_itself)) {
      request.firmware = machine.firmware;
      return;
    }
    request.root_device = image.root_device;
    if (machine.kernel.from == Kernel::From::path) {
      request.kernel = path(machine.kernel.path);
    } else {
      request.kernel = image.kernel;
      if (!request.initrd) request.initrd = image.initrd;
    }
    if (machine.distribution == Distribution::none) return;
    // Its image has none, so that no two machines are one and the image is the same each time.
    request.append += (request.append.empty() ? "" : " ") + ("systemd.machine_id=" + machine_id(volume(machine)));
  }

  void disks(const Machine& machine, WantedMachine& wanted) const {
    for (const auto& disk : machine.disks) {
      if (disk.is_root) {
        wanted.request.root_bytes = disk.size_gb * gib;
      } else if (disk.is_image_file()) {
        const std::string file = (home().images_dir / disk.label).string();
        const bool qcow2 = disk.fs_type == FileSystem::qcow2;
        wanted.image_files.push_back({file, disk.size_gb * gib, qcow2 ? vmm::DiskFormat::qcow2 : vmm::DiskFormat::raw});
        wanted.request.disks.push_back(file);
      } else {
        wanted.request.new_disks.push_back({disk.label, disk.size_gb * gib, std::string(to_string(disk.fs_type))});
      }
    }
  }

  WantedMachine translate(const Machine& machine) const {
    const ImageFacts& image = image_of(machine);
    WantedMachine wanted;
    wanted.name = machine.name;
    wanted.fields = fields_of(machine, image);
    wanted.depends_on = machine.depends_on;
    wanted.ready = machine.ready;
    wanted.must_be_built = machine.distribution != Distribution::none && !image.rootfs;
    machine::CreateRequest& request = wanted.request;
    request.name = machine.name;
    request.constellation = manifest_.constellation;
    request.cpus = machine.cpus;
    request.memory_mib = machine.memory_mib;
    request.driver = machine.driver;
    request.accel = machine.accel;
    request.arch = to_string(machine.arch);
    request.rootfs = image.rootfs;
    request.keep_image = true;
    request.restart = machine.restart.to_string();
    request.network = !machine.networks.empty();
    if (request.network) request.network_name = manifest_.constellation;
    request.nics = nics_of(machine);
    for (const auto& cdrom : machine.cdroms) request.cdroms.push_back(path(cdrom));
    request.display = machine.display;
    request.qemu_args = machine.qemu_args;
    request.origin = wanted.fields.dump();
    boot(machine, request);
    disks(machine, wanted);
    return wanted;
  }

  const Manifest& manifest_;
  const Surroundings& surroundings_;
  network::NetworkSpec network_;
};

}  // namespace

const WantedMachine* Wanted::find(std::string_view name) const {
  const auto found = std::ranges::find(machines, name, &WantedMachine::name);
  return found == machines.end() ? nullptr : &*found;
}

Wanted want(const Manifest& manifest, const Surroundings& surroundings) {
  return Translation(manifest, surroundings).run();
}

std::string mac_of_label(std::string_view label) {
  const auto digest = md5(label);
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", digest[0], digest[1], digest[2], digest[3], digest[4]);
}

}  // namespace meros::constellation
