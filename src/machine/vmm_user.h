// As whom a VMM runs. As root: an unprivileged user of the machine's own, that exists nowhere else on the host, so that
// a guest that breaks out owns its own disk and nothing more. Without root: the caller.
#pragma once

#include <sys/types.h>

#include "base/child.h"
#include "base/fd.h"
#include "machine/config.h"

namespace meros::machine {

// A number from the range that systemd leaves unused (1879048192 to 2147352575, systemd's UIDS-GIDS document), hashed
// from the volume's path; one that our user namespace maps, where we are root of a container.
uid_t choose_vmm_uid(const std::filesystem::path& volume);
// The user of this machine's VMM: the stored one, else chosen; the caller's where we are not root.
uid_t vmm_uid_of(const Config& config);
// What spawn() needs; nothing where we are not root.
std::optional<Command::Credentials> vmm_credentials(const Config& config);

// Makes `file` of the volume (no link, regular, inside) the VMM user's own, mode 0600. No effect without root.
void give_to_vmm(const Fd& volume, const std::string& file, uid_t uid);
// Makes run/, the only directory where the VMM may make files.
void make_run_directory(const Fd& volume, uid_t uid);

// In a mount namespace of our own: /dev/net/tun and /dev/kvm as nodes that `uid` may open, where the host's are closed
// to it. Mounts go with the namespace. Call as root only.
void open_devices_to(uid_t uid, bool kvm, bool tun);

}  // namespace meros::machine
