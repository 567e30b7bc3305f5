// Networks and disks of one machine.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "constellation/manifest_check.h"

namespace meros::constellation {
namespace {

void check_count(Reading& reading, const MachineDraft& machine, const Nic& nic) {
  if (machine.count == 1) return;
  if (nic.ip_addr)
    reading.error(nic.written.of("ip_addr"),
                  fmt::format("'count' would give this address to {} machines", machine.count),
                  "leave it out: each gets one of its own from the subnet, and keeps it");
  if (nic.mac)
    reading.error(nic.written.of("mac"), fmt::format("'count' would give this MAC to {} machines", machine.count),
                  "leave it out: each gets one of its own");
}

void report_unknown_bridge(Reading& reading, const Nic& nic, const BridgeIndex& bridges) {
  std::vector<std::string> names;
  for (const auto& [name, bridge] : bridges) names.push_back(name);
  std::sort(names.begin(), names.end());
  std::string help = reading.did_you_mean(nic.bridge, names);
  if (help.empty()) help = listed(names, "bridges");
  reading.error(nic.written.of("bridge"), fmt::format("bridge {} is not defined", in_quotes(nic.bridge)),
                std::move(help));
}

void check_address(Reading& reading, const Nic& nic, const Bridge& bridge) {
  if (!nic.ip_addr || !bridge.subnet) return;
  const auto& subnet = *bridge.subnet;
  const std::string address = nic.ip_addr->to_string();
  const std::string range = network::Ipv4Network{subnet.network(), subnet.prefix}.to_string();
  const Position at = nic.written.of("ip_addr");
  if (!subnet.contains(*nic.ip_addr))
    reading.error(at, fmt::format("{} is outside the subnet of bridge {}", address, in_quotes(bridge.name)),
                  fmt::format("that is {}, in line {}", range, bridge.written.of("subnet").line));
  else if (*nic.ip_addr == subnet.network())
    reading.error(at, fmt::format("{} is the address of the subnet {} itself", address, range));
  else if (*nic.ip_addr == subnet.broadcast())
    reading.error(at, fmt::format("{} is the broadcast address of the subnet {}", address, range));
  else if (*nic.ip_addr == subnet.address)
    reading.error(at, fmt::format("{} is the address of bridge {} itself", address, in_quotes(bridge.name)),
                  fmt::format("it has it from line {}", bridge.written.of("subnet").line));
}

// ext4(5) s_volume_name, xfs sb_fname, the FAT boot sector's volume label; btrfs takes more than we do.
std::size_t longest_label(FileSystem type) {
  switch (type) {
    case FileSystem::ext2:
    case FileSystem::ext3:
    case FileSystem::ext4:
      return 16;
    case FileSystem::xfs:
      return 12;
    case FileSystem::vfat:
      return 11;
    case FileSystem::btrfs:
    case FileSystem::qcow2:
    case FileSystem::raw:
      return 255;
  }
  return 0;
}

void check_image_file(Reading& reading, const MachineDraft& machine, const Disk& disk) {
  const Position at = disk.written.of("label");
  if (!disk.mount_point.empty())
    reading.error(disk.written.of("mount_point"),
                  fmt::format("an image file ({}) cannot be mounted from here", to_string(disk.fs_type)),
                  "what is in it is the guest's; or let 'fs_type' be a file system, as in ext4");
  if (machine.count > 1)
    reading.error(at, fmt::format("'count' would give this file to {} machines", machine.count),
                  "two machines that write one image destroy it; let 'fs_type' be a file system");
  if (disk.label == "bzImage" || disk.label == "vmlinux")
    reading.error(at, fmt::format("a disk cannot be called '{}'", disk.label), "in data/disks that is the kernel");
}

}  // namespace

void check_networks(Reading& reading, const MachineDraft& machine, const BridgeIndex& bridges) {
  for (const auto& nic : machine.networks) {
    check_count(reading, machine, nic);
    if (nic.bridge.empty()) continue;
    if (const auto bridge = bridges.find(nic.bridge); bridge != bridges.end())
      check_address(reading, nic, *bridge->second);
    else
      report_unknown_bridge(reading, nic, bridges);
  }
}

void check_disks(Reading& reading, const MachineDraft& machine) {
  std::map<std::string, Position> labels;
  std::map<std::string, Position> mount_points;
  for (const auto& disk : machine.disks) {
    if (disk.label.size() > longest_label(disk.fs_type))
      reading.error(disk.written.of("label"),
                    fmt::format("the label {} is too long for {}", in_quotes(disk.label), to_string(disk.fs_type)),
                    fmt::format("at most {} characters", longest_label(disk.fs_type)));
    if (disk.is_image_file()) check_image_file(reading, machine, disk);
    const auto once = [&](std::map<std::string, Position>& known, const std::string& text, std::string_view field) {
      if (text.empty()) return;
      const Position at = disk.written.of(field);
      const auto [first, fresh] = known.try_emplace(text, at);
      if (!fresh)
        reading.error(at,
                      fmt::format("two disks of {} have the {} {}", in_quotes(machine.name), field, in_quotes(text)),
                      fmt::format("the other is in line {}", first->second.line));
    };
    if (!disk.is_image_file()) once(labels, disk.label, "label");
    once(mount_points, disk.mount_point, "mount_point");
  }
}

}  // namespace meros::constellation
