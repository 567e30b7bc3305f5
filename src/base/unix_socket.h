// Unix stream sockets at paths of any length: sockaddr_un holds 107 bytes, so the directory is opened and the socket is
// reached as /proc/self/fd/N/<name>.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"

namespace meros {

// Connects to `name` (no slash) in a directory. Nothing where no socket is there or nobody listens (ENOENT,
// ECONNREFUSED); SystemError otherwise.
std::optional<Fd> connect_unix(const Fd& directory, const std::string& name);
std::optional<Fd> connect_unix(const std::string& path);

// Binds and listens at `name`, replacing a socket that was left there. Close-on-exec.
Fd listen_unix(const Fd& directory, const std::string& name, mode_t mode = 0600);

// The peer's credentials (SO_PEERCRED).
struct Peer {
  pid_t pid;
  uid_t uid;
};
Peer peer_of(const Fd& socket);

}  // namespace meros
