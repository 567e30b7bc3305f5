// The files that make a system of ours of a bare one: names, disks, network, logins. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"

namespace meros::image {

struct GuestFile {
  std::string path;
  std::string content;
  unsigned mode = 0644;
};

// The root, growing with its disk, and the machine's disks by label.
std::string fstab_of(const RootfsSpec& spec);
std::string hosts_of(const RootfsSpec& spec);
// What a Debian or Ubuntu gets before the includes, so that they may replace it.
std::vector<GuestFile> system_files(const RootfsSpec& spec);

// What a system that was not built here has, as far as it matters to us.
struct SystemFacts {
  std::string fstab;        // its text
  bool networkd = false;    // systemd-networkd is there, and nothing of its own that manages networks
  bool resolved = false;    // it writes /etc/resolv.conf
  bool cloud_init = false;  // it would replace the host keys, and wait for a cloud
};
// The same for such a system: its own files stay where they can.
std::vector<GuestFile> system_files(const RootfsSpec& spec, const SystemFacts& system);
// The words of a line of fstab(5), which blanks and tabs separate.
std::vector<std::string> words_of(const std::string& line);
// Its fstab(5) with growth of the root and the machine's disks; other lines stay as they are.
std::string fstab_of(const RootfsSpec& spec, std::string_view former);
// The machine's host keys and its user's authorized_keys in /etc/ssh: before the includes and again after the hooks.
std::vector<GuestFile> key_files(const RootfsSpec& spec, const MachineKeys& keys);
// Where /etc/resolv.conf leads: DHCP's answer is written there, and a room's (image/room.h) during the build.
constexpr auto resolv_conf_target = "../run/meros/resolv.conf";
// Units that are to be started at boot.
const std::vector<std::string>& enabled_units();

}  // namespace meros::image
