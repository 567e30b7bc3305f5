#include "image/alpine_files.h"

#include <fmt/format.h>

#include "base/text.h"
#include "image/worker_environment.h"

namespace meros::image {
namespace {

constexpr unsigned user_id = 1000;
constexpr std::int64_t seconds_a_day = 86400;

constexpr auto inittab = R"(# Written by meros.
::sysinit:/sbin/openrc sysinit
::sysinit:/sbin/openrc boot
::wait:/sbin/openrc default
tty1::respawn:/sbin/getty 38400 tty1
@SERIAL@::respawn:/sbin/getty -L 0 @SERIAL@ vt100
::ctrlaltdel:/sbin/reboot
::shutdown:/sbin/openrc shutdown
)";

// Of the cards that are there; a file that somebody else wrote stays.
constexpr auto interfaces_service = R"script(#!/sbin/openrc-run
# Written by meros.
description="Have every network card ask for its address"

depend() {
  need localmount
  after hwdrivers modules mdev
  before networking
}

start() {
  [ "$(head -n 1 /etc/network/interfaces)" = "# Written by meros." ] || return 0
  {
    printf '# Written by meros.\nauto lo\niface lo inet loopback\n'
    for card in $(ls /sys/class/net); do
      [ ! -e "/sys/class/net/$card/device" ] || printf 'auto %s\niface %s inet dhcp\n' "$card" "$card"
    done
  } >/etc/network/interfaces
}
)script";

constexpr auto grow_service = R"script(#!/sbin/openrc-run
# Written by meros.
description="Grow file systems to their disks"

depend() {
  need localmount
}

start() {
  while read -r device directory type rest; do
    [ "$type" = ext4 ] || continue
    [ -b "$device" ] || device=/dev/$(basename "$(readlink "/sys/dev/block/$(mountpoint -d "$directory")")")
    resize2fs "$device" >/dev/null 2>&1
  done </proc/mounts
  return 0
}
)script";

constexpr auto sshd = R"(# Written by meros.
PasswordAuthentication no
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys
UseDNS no
)";

std::string fstab(const RootfsSpec& spec) {
  std::string text = "/dev/vda / ext4 rw,relatime 0 0\n";
  for (const auto& disk : spec.disks)
    text += fmt::format("LABEL={} {} {} defaults,nofail 0 0\n", disk.label, disk.mount_point, disk.fs_type);
  return text;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

bool has_line_of(const std::string& text, const std::string& name) {
  return text.starts_with(name + ":") || text.find("\n" + name + ":") != std::string::npos;
}

// "wheel:x:10:root" -> "wheel:x:10:root,alpine"
std::string with_member(const std::string& groups, std::string_view group, const std::string& user) {
  std::string text;
  for (const auto& line : split(groups, '\n')) {
    if (line.empty()) continue;
    text += line;
    if (line.starts_with(fmt::format("{}:", group))) text += (line.ends_with(":") ? "" : ",") + user;
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<GuestFile> alpine_files(const RootfsSpec& spec) {
  const std::string serial = spec.arch == vmm::Arch::x86_64 ? "ttyS0" : "ttyAMA0";
  return {{"/etc/hostname", spec.host_name() + "\n"},
          {"/etc/hosts", hosts_of(spec)},
          {"/etc/fstab", fstab(spec)},
          {"/etc/inittab", replaced(inittab, "@SERIAL@", serial)},
          {"/etc/network/interfaces", "# Written by meros.\nauto lo\niface lo inet loopback\n"},
          {"/etc/init.d/meros-interfaces", interfaces_service, 0755},
          {"/etc/init.d/meros-grow", grow_service, 0755},
          {"/etc/ssh/sshd_config.d/10-meros.conf", sshd},
          {"/etc/sudoers.d/90-meros", fmt::format("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", spec.user()), 0440}};
}

std::vector<RunlevelLink> alpine_runlevels() {
  std::vector<RunlevelLink> links;
  const auto add = [&](const std::string& level, const std::vector<std::string>& services) {
    for (const auto& name : services)
      links.push_back({fmt::format("/etc/runlevels/{}/{}", level, name), "/etc/init.d/" + name});
  };
  add("sysinit", {"devfs", "dmesg", "mdev", "hwdrivers"});
  add("boot", {"bootmisc", "hostname", "hwclock", "meros-grow", "meros-interfaces", "modules", "networking", "seedrng",
               "sysctl", "syslog"});
  add("default", {"acpid", "local", "sshd"});
  add("shutdown", {"killprocs", "mount-ro", "savecache"});
  return links;
}

Accounts with_user(Accounts accounts, const std::string& user) {
  if (has_line_of(accounts.passwd, user)) return accounts;
  accounts.passwd += fmt::format("{0}:x:{1}:{1}:{0}:/home/{0}:/bin/sh\n", user, user_id);
  accounts.shadow += fmt::format("{}:*:{}:0:99999:7:::\n", user, build_time / seconds_a_day);
  accounts.group = with_member(accounts.group, "wheel", user) + fmt::format("{}:x:{}:\n", user, user_id);
  return accounts;
}

}  // namespace meros::image
