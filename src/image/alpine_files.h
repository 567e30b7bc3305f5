// What makes a machine of ours of a bare Alpine: OpenRC's runlevels, a serial console, DHCP, its user. Pure.
#pragma once

#include <string>
#include <vector>

#include "image/guest_files.h"
#include "image/rootfs_spec.h"

namespace meros::image {

// What an Alpine gets before the includes, so that they may replace it.
std::vector<GuestFile> alpine_files(const RootfsSpec& spec);

// "/etc/runlevels/default/sshd" -> "/etc/init.d/sshd": what rc-update(8) would make.
struct RunlevelLink {
  std::string path;
  std::string target;
};
std::vector<RunlevelLink> alpine_runlevels();

// The texts of /etc/passwd, /etc/shadow and /etc/group.
struct Accounts {
  std::string passwd;
  std::string shadow;
  std::string group;
};
// With the user in them, in the group wheel. No password fits, and the account is not locked: a key opens it. The day
// of the last change is the same for every build, which adduser(8) of busybox does not make it. As they are where there
// is such a user.
Accounts with_user(Accounts accounts, const std::string& user);

}  // namespace meros::image
