#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace meros {
namespace {

sockaddr_un address_of(const Fd& directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = proc_path(directory) + "/" + name;
  if (path.size() >= sizeof address.sun_path) throw InvalidError("the socket name '" + name + "' is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd new_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("cannot make a socket");
  return socket;
}

}  // namespace

std::optional<Fd> connect_unix(const Fd& directory, const std::string& name) {
  const sockaddr_un address = address_of(directory, name);
  Fd socket = new_socket();
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT || errno == ECONNREFUSED) return std::nullopt;
    throw_errno("cannot connect to '" + name + "'");
  }
  return socket;
}

std::optional<Fd> connect_unix(const std::string& path) {
  const std::filesystem::path whole(path);
  const Fd directory(
      ::open(whole.has_parent_path() ? whole.parent_path().c_str() : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("cannot open the directory of '" + path + "'");
  }
  return connect_unix(directory, whole.filename());
}

Fd listen_unix(const Fd& directory, const std::string& name, mode_t mode) {
  const sockaddr_un address = address_of(directory, name);
  if (::unlinkat(directory.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    throw_errno("cannot remove the old socket '" + name + "'");
  Fd socket = new_socket();
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno("cannot bind the socket '" + name + "'");
  if (::fchmodat(directory.get(), name.c_str(), mode, 0) != 0) throw_errno("cannot set the mode of '" + name + "'");
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != 0 &&
      ::fchownat(directory.get(), name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno("cannot change the owner of '" + name + "'");
  if (::listen(socket.get(), 64) != 0) throw_errno("cannot listen on '" + name + "'");
  return socket;
}

Peer peer_of(const Fd& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    throw_errno("cannot ask for the peer of a socket");
  return {credentials.pid, credentials.uid};
}

}  // namespace meros
