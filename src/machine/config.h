// config.json: what one machine is. Written at create, read by every verb; the fields of the Go mergenc are kept under
// their names, so that a volume made by it is understood and one made here is understood by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vmm/driver.h"
#include "vmm/host.h"
#include "vmm/spec.h"

namespace meros::machine {

constexpr int config_schema_version = 1;

struct RestartPolicy {
  enum class When { no, on_failure, always };
  When when = When::no;
  std::optional<unsigned> limit;  // on-failure:N
  std::string to_string() const;
};
RestartPolicy parse_restart_policy(std::string_view text);  // no | on-failure[:N] | always

struct NetworkConfig {
  std::string bridge;
  std::string tap_device;
  std::string guest_ip;  // may be empty: no ip= on the kernel command line
  std::string gateway_ip;
  std::string netmask;
  std::string mac_addr;
};

struct DiskConfig {
  std::string path;  // relative to the volume, or absolute
  vmm::DiskFormat format = vmm::DiskFormat::raw;
  bool read_only = false;
  std::optional<std::string> backing_path;
  vmm::DiskFormat backing_format = vmm::DiskFormat::raw;
  std::string backing_stamp;  // what the backing file was at create (size, time, inode): a changed one would be garbage
  std::string serial = {};    // what the guest sees it by; empty: "rootfs", "disk1" …
};

struct Config {
  std::string name;
  std::string kernel_args;
  std::string created_at;  // UTC, as base/text.h format_time writes it

  // paths{}: as the seed writes them, for people and for the Go program. We use the names inside the volume instead,
  // so that a volume that was moved still works.
  std::filesystem::path volume;  // absolute; not stored as such
  std::string kernel;            // file name in the volume; empty: firmware boots a disk
  std::optional<std::string> initrd;
  std::optional<DiskConfig> root;  // none: the initrd is all there is
  std::vector<DiskConfig> disks;   // beyond the root

  std::optional<NetworkConfig> network;  // on a bridge of the host; none: --no-network, or a member of a network
  // The network of a constellation that it is a member of (its directory below data/networks), and its NICs there. The
  // addresses are told to the guest by DHCP.
  std::string network_name;
  std::vector<NetworkConfig> nics;
  unsigned cpu_count = 1;
  std::uint64_t memory_mb = 512;  // MiB, under the seed's name

  // Fields the seed has not; absent ones mean what the seed does: firecracker, kvm.
  std::string driver = "firecracker";
  std::string binary;          // absolute path of the VMM
  std::string accel = "auto";  // as asked: auto | kvm | tcg
  vmm::Arch arch = vmm::Arch::x86_64;
  bool virtio_mmio_cmdline = false;
  vmm::Firmware firmware = vmm::Firmware::none;
  std::vector<std::string> cdroms;  // absolute paths
  bool display = false;
  std::vector<std::string> qemu_args;
  RestartPolicy restart;

  struct Ownership {
    std::string data_dir;       // absolute
    std::string constellation;  // empty for a machine of `create`
    std::uint32_t uid = 0;      // effective user of create; verbs by another user are refused
  } owner;
  std::optional<std::uint32_t> vmm_uid;  // the unprivileged user of its VMM (root only)

  // What the manifest of its constellation said of it, as JSON text (constellation/wanted.h); empty without one.
  std::string origin;

  bool has_nic() const { return main_nic() != nullptr; }
  // The one that its address is on; null without any.
  const NetworkConfig* main_nic() const {
    if (network) return &*network;
    return nics.empty() ? nullptr : &nics.front();
  }
};

// Throws InvalidError that names the field. `volume` is the directory that the text was read from; `origin` for errors.
Config parse_config(std::string_view text, const std::filesystem::path& volume);
Config read_config(const std::filesystem::path& volume);  // adds the path to errors; NotFoundError without a file
nlohmann::json to_json(const Config& config);

// What the driver gets. `accel` is resolved by the caller.
vmm::Spec to_spec(const Config& config, vmm::Accel accel);

}  // namespace meros::machine
