#include "vmm/firecracker/socket_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/error.h"
#include "base/unix_socket.h"
#include "vmm/firecracker/api.h"
#include "vmm/firecracker/config.h"

namespace meros::vmm::firecracker {
namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 50ms;  // between two calls of still_wanted
// A socket has its name before anybody listens (bind, then listen), and nothing tells of the second step.
constexpr auto time_to_listen = 1ms;

bool has_socket(const Fd& directory) {
  struct stat info {};
  return ::fstatat(directory.get(), socket_name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

void drain(const Fd& inotify) {
  alignas(inotify_event) std::array<char, 4096> events{};
  while (::read(inotify.get(), events.data(), events.size()) > 0) {
  }
}

}  // namespace

SocketWatch::SocketWatch(Fd directory)
    : directory_(std::move(directory)), inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), proc_path(directory_).c_str(), IN_CREATE | IN_MOVED_TO) < 0)
    throw_errno(fmt::format("cannot watch the directory '{}'", run_directory));
  if (::unlinkat(directory_.get(), socket_name, 0) != 0 && errno != ENOENT)
    throw_errno(fmt::format("cannot remove the old socket '{}/{}'", run_directory, socket_name));
}

Fd SocketWatch::connect(const Child& process, Deadline deadline, const StillWanted& still_wanted) const {
  for (;;) {
    if (still_wanted) still_wanted();
    drain(inotify_);
    const bool exists = has_socket(directory_);
    if (auto socket = connect_unix(directory_, socket_name)) {
      if (peer_of(*socket).pid != process.pid())
        throw Error(fmt::format("the socket '{}/{}' is not Firecracker's own", run_directory, socket_name));
      return std::move(*socket);
    }
    if (deadline.passed()) throw TimeoutError("Firecracker did not open its API socket in time");
    wait(process, deadline, exists);
  }
}

void SocketWatch::wait(const Child& process, Deadline deadline, bool exists) const {
  // A process that was waited for has no descriptor any more: poll passes over -1.
  std::array<pollfd, 2> polled = {{{inotify_.get(), POLLIN, 0}, {process.pidfd().get(), POLLIN, 0}}};
  const Deadline until = deadline.at_most(exists ? time_to_listen : look_again);
  const int n = ::poll(polled.data(), polled.size(), until.poll_timeout());
  if (n < 0 && errno != EINTR) throw_errno("cannot poll");
  if (!process.running() || polled[1].revents != 0) throw Disconnected("Firecracker ended");
}

}  // namespace meros::vmm::firecracker
