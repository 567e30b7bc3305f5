#include "image/guest_files.h"

#include <fmt/format.h>

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

constexpr auto resolv_service = R"(# Written by meros.
[Unit]
Description=Write /etc/resolv.conf from what DHCP told
After=systemd-networkd.service

[Service]
Type=oneshot
ExecStart=/usr/local/lib/meros/write-resolv-conf

[Install]
WantedBy=multi-user.target
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
} >/run/meros/resolv.conf.new
mv /run/meros/resolv.conf.new /run/meros/resolv.conf
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

}  // namespace

std::string fstab_of(const RootfsSpec& spec) {
  std::string text = "/dev/root / ext4 defaults,x-systemd.growfs 0 0\n";
  for (const auto& disk : spec.disks)
    text += fmt::format("LABEL={} {} {} defaults,nofail,x-systemd.growfs,x-systemd.device-timeout=20s 0 2\n",
                        disk.label, disk.mount_point, disk.fs_type);
  return text;
}

std::string hosts_of(const RootfsSpec& spec) {
  return fmt::format(
      "127.0.0.1 localhost\n127.0.1.1 {}\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n"
      "ff02::2 ip6-allrouters\n",
      spec.host_name());
}

std::vector<GuestFile> system_files(const RootfsSpec& spec) {
  return {{"/etc/hostname", spec.host_name() + "\n"},
          {"/etc/hosts", hosts_of(spec)},
          {"/etc/fstab", fstab_of(spec)},
          {"/etc/machine-id", ""},
          {"/etc/timezone", "Etc/UTC\n"},
          {"/etc/systemd/network/80-meros.network", network},
          {"/etc/systemd/system/meros-resolv.path", resolv_path},
          {"/etc/systemd/system/meros-resolv.service", resolv_service},
          {"/usr/local/lib/meros/write-resolv-conf", resolv_script, 0755},
          {"/etc/systemd/system/systemd-networkd-wait-online.service.d/meros.conf", wait_online},
          {"/etc/ssh/sshd_config.d/10-meros.conf", sshd},
          {"/etc/sudoers.d/90-meros", fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", spec.user()), 0440}};
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
                                                 "meros-resolv.service"};
  return units;
}

}  // namespace meros::image
