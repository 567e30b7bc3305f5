#include "image/guest_files.h"

#include <fmt/format.h>

#include "base/text.h"

namespace meros::image {
namespace {

constexpr auto network = R"(# Written by meros.
[Match]
Type=ether

[Network]
DHCP=ipv4
IPv6AcceptRA=no

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
)";

// networkd tells only resolved of name servers; this takes its place.
constexpr auto resolv_path = R"(# Written by meros.
[Unit]
Description=Name servers that DHCP tells

[Path]
PathChanged=/run/systemd/netif/state
Unit=meros-resolv.service

[Install]
WantedBy=multi-user.target
)";

// What changes while the service runs, its path unit does not see: another look after it.
constexpr auto resolv_service = R"(# Written by meros.
[Unit]
Description=Write /etc/resolv.conf from what DHCP told
After=systemd-networkd.service
OnSuccess=meros-resolv-again.service

[Service]
Type=oneshot
ExecStart=/usr/local/lib/meros/write-resolv-conf

[Install]
WantedBy=multi-user.target
)";
constexpr auto resolv_again = R"(# Written by meros.
[Unit]
Description=Write /etc/resolv.conf from what DHCP told meanwhile

[Service]
Type=oneshot
ExecStart=/usr/local/lib/meros/write-resolv-conf
)";
// Who is online can ask for names.
constexpr auto resolv_online = R"(# Written by meros.
[Unit]
Description=Write /etc/resolv.conf when the network is there
After=systemd-networkd-wait-online.service
Before=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/local/lib/meros/write-resolv-conf

[Install]
WantedBy=network-online.target
)";
// Who can log in can ask for names, too.
constexpr auto ssh_online = R"(# Written by meros.
[Unit]
Wants=network-online.target
After=network-online.target
)";

constexpr auto resolv_script = R"(#!/bin/sh
# Written by meros: what systemd-networkd learnt by DHCP, as resolv.conf(5).
set -eu
DNS='' DOMAINS=''
[ ! -r /run/systemd/netif/state ] || while IFS='=' read -r key value; do
  case $key in
    DNS) DNS=$value ;;
    DOMAINS) DOMAINS=$value ;;
  esac
done </run/systemd/netif/state
mkdir -p /run/meros
{
  for server in $DNS; do echo "nameserver $server"; done
  [ -z "$DOMAINS" ] || echo "search $DOMAINS"
} >/run/meros/resolv.conf.$$
mv /run/meros/resolv.conf.$$ /run/meros/resolv.conf
)";

// A machine without a network card boots without waiting for one.
constexpr auto wait_online = R"(# Written by meros.
[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=20
)";

constexpr auto sshd = R"(# Written by meros.
PasswordAuthentication no
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys
UseDNS no
)";

constexpr std::string_view disk_options = "defaults,nofail,x-systemd.growfs,x-systemd.device-timeout=20s";

std::string disk_lines(const RootfsSpec& spec) {
  std::string text;
  for (const auto& disk : spec.disks)
    text += fmt::format("LABEL={} {} {} {} 0 2\n", disk.label, disk.mount_point, disk.fs_type, disk_options);
  return text;
}

// Of an image that was made for another machine.
bool is_ours(std::string_view line) { return line.find(disk_options) != std::string_view::npos; }

bool can_grow(std::string_view file_system) {
  return file_system.starts_with("ext") || file_system == "xfs" || file_system == "btrfs";
}

std::vector<GuestFile> identity_files(const RootfsSpec& spec) {
  return {{"/etc/hostname", spec.host_name() + "\n"},
          {"/etc/hosts", hosts_of(spec)},
          {"/etc/machine-id", ""},
          {"/etc/timezone", "Etc/UTC\n"},
          {"/etc/ssh/sshd_config.d/10-meros.conf", sshd},
          {"/etc/sudoers.d/90-meros", fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", spec.user()), 0440}};
}

std::vector<GuestFile> network_files() {
  return {{"/etc/systemd/network/80-meros.network", network},
          {"/etc/systemd/system/systemd-networkd-wait-online.service.d/meros.conf", wait_online}};
}

std::vector<GuestFile> resolver_files() {
  return {{"/etc/systemd/system/meros-resolv.path", resolv_path},
          {"/etc/systemd/system/meros-resolv.service", resolv_service},
          {"/etc/systemd/system/meros-resolv-again.service", resolv_again},
          {"/etc/systemd/system/meros-resolv-online.service", resolv_online},
          {"/etc/systemd/system/ssh.service.d/meros.conf", ssh_online},
          {"/usr/local/lib/meros/write-resolv-conf", resolv_script, 0755}};
}

void append(std::vector<GuestFile>& files, std::vector<GuestFile> more) {
  for (auto& file : more) files.push_back(std::move(file));
}

}  // namespace

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (const auto& part : split(line, ' '))
    for (auto& word : split(part, '\t'))
      if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string fstab_of(const RootfsSpec& spec) {
  return "/dev/root / ext4 defaults,x-systemd.growfs 0 0\n" + disk_lines(spec);
}

std::string fstab_of(const RootfsSpec& spec, std::string_view former) {
  std::string text;
  for (const auto& line : split(former, '\n')) {
    auto fields = words_of(line);
    if (fields.size() >= 4 && !fields[0].starts_with('#') && fields[1] == "/" && can_grow(fields[2])) {
      if (fields[3].find("x-systemd.growfs") == std::string::npos) fields[3] += ",x-systemd.growfs";
      text += join(fields, " ") + "\n";
    } else if (!line.empty() && !is_ours(line)) {
      text += line + "\n";
    }
  }
  return text + disk_lines(spec);
}

std::string hosts_of(const RootfsSpec& spec) {
  return fmt::format(
      "127.0.0.1 localhost\n127.0.1.1 {}\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n"
      "ff02::2 ip6-allrouters\n",
      spec.host_name());
}

std::vector<GuestFile> system_files(const RootfsSpec& spec) {
  auto files = identity_files(spec);
  files.push_back({"/etc/fstab", fstab_of(spec)});
  append(files, network_files());
  append(files, resolver_files());
  return files;
}

std::vector<GuestFile> system_files(const RootfsSpec& spec, const SystemFacts& system) {
  auto files = identity_files(spec);
  files.push_back({"/etc/fstab", fstab_of(spec, system.fstab)});
  if (system.networkd) append(files, network_files());
  if (system.networkd && !system.resolved) append(files, resolver_files());
  if (system.cloud_init) files.push_back({"/etc/cloud/cloud-init.disabled", "Written by meros.\n"});
  return files;
}

std::vector<GuestFile> key_files(const RootfsSpec&, const MachineKeys& keys) {
  return {{"/etc/ssh/ssh_host_ed25519_key", keys.host_ed25519, 0600},
          {"/etc/ssh/ssh_host_ed25519_key.pub", keys.host_ed25519_public},
          {"/etc/ssh/ssh_host_rsa_key", keys.host_rsa, 0600},
          {"/etc/ssh/ssh_host_rsa_key.pub", keys.host_rsa_public},
          {"/etc/ssh/authorized_keys", keys.user_public}};
}

const std::vector<std::string>& enabled_units() {
  static const std::vector<std::string> units = {"systemd-networkd.service", "ssh.service", "meros-resolv.path",
                                                 "meros-resolv.service", "meros-resolv-online.service"};
  return units;
}

}  // namespace meros::image
