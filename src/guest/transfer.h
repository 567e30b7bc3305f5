// Files between the host and a guest, by rsync(1) over the machine's ssh.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "guest/session.h"
#include "guest/ssh.h"

namespace meros::guest {

// Where `push` puts things and `pull` takes them from: below the home of the user in the guest.
constexpr auto shared_directory = "mos-shared";

struct Transfer {
  enum class Way { to_guest, from_guest };
  Way way = Way::to_guest;
  std::vector<std::string> sources;  // as rsync takes them: "dir/" is what is in it
  std::string destination;
  bool progress = false;  // one line that is drawn over itself
  // Whose the files on the host shall be, where that is not ourselves (under sudo).
  std::optional<Owner> owner;
};

// Nothing is split, expanded or taken for an option, whatever the names are. A transfer that breaks leaves no part of a
// file under its name, and goes on where it was when it is run again. What comes from a guest has no owner, no set-uid
// bits and no devices. Pure.
std::vector<std::string> rsync_argv(const SshTarget& target, const Transfer& transfer);

// Runs it with our standard error. Error that names rsync where it is missing here (HostError) or there, and where the
// transfer was not completed.
void run_transfer(const SshTarget& target, const std::string& machine, const Transfer& transfer);

// "C/VM:path" or "VM:path": the machine and the path; nothing for a path of the host.
struct GuestPath {
  std::string machine;
  std::string path;  // relative to the user's home, unless it is absolute
};
std::optional<GuestPath> parse_guest_path(const std::string& text);

}  // namespace meros::guest
