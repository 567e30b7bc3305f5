#include "guest/directory_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/lock.h"
#include "machine/state.h"

namespace meros::guest {

DirectoryWatch::DirectoryWatch() : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_) throw_errno("cannot watch for changes of files");
}

bool DirectoryWatch::add(const std::string& path) {
  constexpr auto events =
      IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  if (::inotify_add_watch(inotify_.get(), path.c_str(), events) >= 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  throw_errno("cannot watch '" + path + "'");
}

bool DirectoryWatch::clear() {
  alignas(inotify_event) std::array<char, 16384> buffer{};
  bool moved = false;
  for (;;) {
    const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return moved;
    for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      if ((event->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) moved = true;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void wait_for_change(DirectoryWatch& watch, const std::filesystem::path& volume, Deadline deadline) {
  const auto owner = pin_lock_owner((volume / machine::names::run_lock).string());
  std::array<pollfd, 2> polled = {
      {{watch.descriptor().get(), POLLIN, 0}, {owner ? owner->pidfd.get() : -1, POLLIN, 0}}};
  if (::poll(polled.data(), polled.size(), deadline.poll_timeout()) < 0 && errno != EINTR)
    throw_errno("cannot wait for the machine");
  watch.clear();
}

}  // namespace meros::guest
