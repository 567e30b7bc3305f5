#include "machine/config.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/state.h"
#include "network/address.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

// A path of the config that names a file of the volume. The seed wrote "volumes/<vm>/<file>", relative to wherever it
// was started; only the last part counts, so that a volume that was moved still works and nothing outside it is
// reached.
std::string name_in_volume(const std::string& path, std::string_view what) {
  std::string name = fs::path(path).filename().string();
  if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string::npos)
    throw InvalidError("'paths." + std::string(what) + "' does not name a file");
  return name;
}

NetworkConfig parse_network(const Json& json) {
  NetworkConfig network;
  network.bridge = get_or<std::string>(json, "bridge", {});
  network.tap_device = get<std::string>(json, "tap_device");
  network.guest_ip = get_or<std::string>(json, "guest_ip", {});
  network.gateway_ip = get_or<std::string>(json, "gateway_ip", {});
  network.netmask = get_or<std::string>(json, "netmask", {});
  network.mac_addr = meros::network::parse_mac(get<std::string>(json, "mac_addr"), "'network.mac_addr'");
  for (const auto* address : {&network.guest_ip, &network.gateway_ip, &network.netmask})
    if (!address->empty()) meros::network::parse_ipv4(*address, "an address in 'network'");
  return network;
}

Json network_json(const NetworkConfig& network) {
  return {{"bridge", network.bridge},         {"tap_device", network.tap_device}, {"guest_ip", network.guest_ip},
          {"gateway_ip", network.gateway_ip}, {"netmask", network.netmask},       {"mac_addr", network.mac_addr}};
}

DiskConfig parse_disk(const Json& json) {
  DiskConfig disk;
  disk.path = get<std::string>(json, "path");
  if (disk.path.empty() || disk.path.find('\0') != std::string::npos)
    throw InvalidError("a disk's 'path' names no file");
  disk.format = vmm::parse_disk_format(get_or<std::string>(json, "format", "raw"));
  disk.read_only = get_or<bool>(json, "read_only", false);
  disk.serial = get_or<std::string>(json, "serial", {});
  if (json.contains("backing")) {
    const Json& backing = json.at("backing");
    disk.backing_path = get<std::string>(backing, "path");
    disk.backing_format = vmm::parse_disk_format(get<std::string>(backing, "format"));
    disk.backing_stamp = get<std::string>(backing, "stamp");
  }
  return disk;
}

Json disk_json(const DiskConfig& disk) {
  Json json = {{"path", disk.path}, {"format", to_string(disk.format)}, {"read_only", disk.read_only}};
  if (!disk.serial.empty()) json["serial"] = disk.serial;
  if (disk.backing_path)
    json["backing"] = {
        {"path", *disk.backing_path}, {"format", to_string(disk.backing_format)}, {"stamp", disk.backing_stamp}};
  return json;
}

Config::Ownership parse_owner(const Json& json, const fs::path& volume) {
  Config::Ownership owner;
  if (json.contains("owner")) {
    const Json& stored = json.at("owner");
    owner.data_dir = get<std::string>(stored, "data_dir");
    owner.constellation = get_or<std::string>(stored, "constellation", {});
    owner.uid = get<std::uint32_t>(stored, "uid");
    return owner;
  }
  // A volume of the Go program: it belongs to whoever wrote its config.
  struct stat info {};
  if (::stat((volume / names::config).c_str(), &info) == 0) owner.uid = info.st_uid;
  return owner;
}

void parse_machine(const Json& json, Config& config) {
  config.cpu_count = get<unsigned>(json, "cpu_count");
  config.memory_mb = get<std::uint64_t>(json, "memory_mb");
  if (config.cpu_count == 0) throw InvalidError("'machine.cpu_count' is 0");
  if (config.memory_mb == 0) throw InvalidError("'machine.memory_mb' is 0");
}

vmm::Firmware parse_firmware(const std::string& text) {
  if (text == "none") return vmm::Firmware::none;
  if (text == "bios") return vmm::Firmware::bios;
  if (text == "uefi") return vmm::Firmware::uefi;
  throw InvalidError("'firmware' is not none, bios or uefi");
}

std::string_view firmware_text(vmm::Firmware firmware) {
  if (firmware == vmm::Firmware::bios) return "bios";
  return firmware == vmm::Firmware::uefi ? "uefi" : "none";
}

void parse_paths(const Json& json, Config& config) {
  if (config.firmware == vmm::Firmware::none)
    config.kernel = name_in_volume(get<std::string>(json, "kernel"), "kernel");
  if (const auto initrd = get_or<std::string>(json, "initrd", {}); !initrd.empty())
    config.initrd = name_in_volume(initrd, "initrd");
}

Config parse(const Json& json, const fs::path& volume) {
  if (const int version = get_or<int>(json, "schema_version", config_schema_version); version > config_schema_version)
    throw InvalidError("it is of a newer version of meros (schema_version " + std::to_string(version) +
                           ", this one knows " + std::to_string(config_schema_version) + ")",
                       "use the newer program");
  Config config;
  config.volume = volume;
  config.name = get<std::string>(json, "name");
  check_name(config.name, "machine name");
  config.kernel_args = get<std::string>(json, "kernel_args");
  config.created_at = get_or<std::string>(json, "created_at", {});
  parse_machine(get<Json>(json, "machine"), config);
  config.firmware = parse_firmware(get_or<std::string>(json, "firmware", "none"));
  const Json paths = get<Json>(json, "paths");
  parse_paths(paths, config);
  if (json.contains("root")) {
    if (!json.at("root").is_null()) config.root = parse_disk(json.at("root"));
  } else {
    config.root = DiskConfig{};  // the seed's: one raw disk
    config.root->path = name_in_volume(get<std::string>(paths, "rootfs"), "rootfs");
  }
  for (const Json& disk : get_or<Json>(json, "disks", Json::array())) config.disks.push_back(parse_disk(disk));
  if (const Json network = get_or<Json>(json, "network", Json()); !network.is_null() && !network.empty())
    config.network = parse_network(network);
  if (const Json membership = get_or<Json>(json, "membership", Json()); !membership.is_null()) {
    config.network_name = get<std::string>(membership, "network");
    check_name(config.network_name, "network name");
    for (const Json& nic : get<std::vector<Json>>(membership, "nics")) config.nics.push_back(parse_network(nic));
  }
  if (const Json origin = get_or<Json>(json, "origin", Json()); !origin.is_null()) config.origin = origin.dump();
  config.cdroms = get_or<std::vector<std::string>>(json, "cdroms", {});
  config.display = get_or<bool>(json, "display", false);
  config.qemu_args = get_or<std::vector<std::string>>(json, "qemu_args", {});
  config.driver = get_or<std::string>(json, "driver", "firecracker");
  vmm::driver_named(config.driver);
  config.binary = get_or<std::string>(json, "binary", {});
  config.accel = get_or<std::string>(json, "accel", "auto");
  vmm::parse_accel(config.accel);
  config.arch = vmm::parse_arch(get_or<std::string>(json, "arch", std::string(to_string(vmm::host_arch()))));
  config.virtio_mmio_cmdline = get_or<bool>(json, "virtio_mmio_cmdline", false);
  config.restart = parse_restart_policy(get_or<std::string>(json, "restart", "no"));
  config.owner = parse_owner(json, volume);
  if (json.contains("vmm_uid")) config.vmm_uid = get<std::uint32_t>(json, "vmm_uid");
  return config;
}

vmm::Disk to_vmm(const DiskConfig& disk) {
  vmm::Disk result;
  result.path = disk.path;
  result.format = disk.format;
  result.read_only = disk.read_only;
  result.backing_path = disk.backing_path;
  result.backing_format = disk.backing_format;
  return result;
}

}  // namespace

std::string RestartPolicy::to_string() const {
  if (when == When::always) return "always";
  if (when == When::no) return "no";
  return limit ? "on-failure:" + std::to_string(*limit) : "on-failure";
}

RestartPolicy parse_restart_policy(std::string_view text) {
  RestartPolicy policy;
  if (text == "no") return policy;
  if (text == "always") {
    policy.when = RestartPolicy::When::always;
    return policy;
  }
  constexpr std::string_view failure = "on-failure";
  if (text.starts_with(failure)) {
    policy.when = RestartPolicy::When::on_failure;
    text.remove_prefix(failure.size());
    if (text.empty()) return policy;
    const auto limit = text.front() == ':' ? parse_unsigned(text.substr(1)) : std::nullopt;
    if (limit && *limit > 0 && *limit <= 1'000'000) {
      policy.limit = static_cast<unsigned>(*limit);
      return policy;
    }
  }
  throw InvalidError("the restart policy is not valid", "use no, on-failure, on-failure:N or always");
}

Config parse_config(std::string_view text, const fs::path& volume) {
  return parse(parse_json(text, names::config), volume);
}

Config read_config(const fs::path& volume) {
  const fs::path file = volume / names::config;
  constexpr std::size_t limit = 1 << 20;
  try {
    return parse_config(read_file(file, limit), volume);
  } catch (InvalidError& e) {
    e.add_context("cannot use '" + file.string() + "'");
    throw;
  }
}

Json to_json(const Config& config) {
  // The seed's fields first, under its names; its paths hold the volume's directory as it was given.
  const auto& driver = vmm::driver_named(config.driver);
  const auto in_volume = [&](std::string_view name) { return (config.volume / name).string(); };
  Json json;
  json["name"] = config.name;
  json["kernel_args"] = config.kernel_args;
  json["paths"] = {{"rootfs", config.root ? in_volume(config.root->path) : ""},
                   {"kernel", config.kernel.empty() ? "" : in_volume(config.kernel)},
                   {"socket", in_volume(driver.socket_file())},
                   {"log_file", in_volume(driver.log_file())},
                   {"config", in_volume(names::config)},
                   {"pid_file", in_volume(driver.pid_file())},
                   {"workdir", config.volume.string()}};
  if (config.initrd) json["paths"]["initrd"] = in_volume(*config.initrd);
  json["network"] = config.network ? network_json(*config.network) : Json::object();
  json["machine"] = {{"cpu_count", config.cpu_count}, {"memory_mb", config.memory_mb}};
  json["created_at"] = config.created_at;

  json["schema_version"] = config_schema_version;
  json["driver"] = config.driver;
  json["binary"] = config.binary;
  json["accel"] = config.accel;
  json["arch"] = to_string(config.arch);
  json["virtio_mmio_cmdline"] = config.virtio_mmio_cmdline;
  json["restart"] = config.restart.to_string();
  json["root"] = config.root ? disk_json(*config.root) : Json();
  json["disks"] = Json::array();
  for (const auto& disk : config.disks) json["disks"].push_back(disk_json(disk));
  json["owner"] = {
      {"data_dir", config.owner.data_dir}, {"constellation", config.owner.constellation}, {"uid", config.owner.uid}};
  if (config.vmm_uid) json["vmm_uid"] = *config.vmm_uid;
  if (config.firmware != vmm::Firmware::none) json["firmware"] = firmware_text(config.firmware);
  if (!config.cdroms.empty()) json["cdroms"] = config.cdroms;
  if (config.display) json["display"] = true;
  if (!config.qemu_args.empty()) json["qemu_args"] = config.qemu_args;
  if (!config.origin.empty()) json["origin"] = parse_json(config.origin, "origin");
  if (!config.network_name.empty()) {
    Json nics = Json::array();
    for (const auto& nic : config.nics) nics.push_back(network_json(nic));
    json["membership"] = {{"network", config.network_name}, {"nics", std::move(nics)}};
  }
  return json;
}

vmm::Spec to_spec(const Config& config, vmm::Accel accel) {
  vmm::Spec spec;
  spec.name = config.name;
  spec.arch = config.arch;
  spec.accel = accel;
  spec.vcpus = config.cpu_count;
  spec.memory_mib = config.memory_mb;
  if (!config.kernel.empty()) spec.kernel = config.kernel;
  spec.initrd = config.initrd;
  spec.kernel_args = config.kernel_args;
  spec.kernel_has_virtio_mmio_cmdline = config.virtio_mmio_cmdline;
  spec.firmware = config.firmware;
  spec.cdroms = config.cdroms;
  spec.display = config.display;
  spec.extra_args = config.qemu_args;
  if (config.root) {
    spec.disks.push_back(to_vmm(*config.root));
    spec.disks.back().serial = "rootfs";
  }
  for (const auto& disk : config.disks) {
    spec.disks.push_back(to_vmm(disk));
    spec.disks.back().serial =
        disk.serial.empty() ? "disk" + std::to_string(spec.disks.size() - (config.root ? 1 : 0)) : disk.serial;
  }
  if (config.network) spec.nics.push_back({config.network->tap_device, config.network->mac_addr});
  for (const auto& nic : config.nics) spec.nics.push_back({nic.tap_device, nic.mac_addr});
  return spec;
}

}  // namespace meros::machine
