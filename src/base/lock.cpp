#include "base/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/error.h"

namespace meros {
namespace {

// How long a waiter trusts its view of who holds the lock before it asks again. The kernel wakes nobody when an open
// file description gives up its lock, and a holder may give it up without ending.
constexpr auto ask_again = std::chrono::milliseconds(5);

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Waits for the owner's end where it has a pid, else for a moment.
void wait_for_owner(std::optional<pid_t> owner, Deadline deadline) {
  const auto slice = deadline.at_most(ask_again);
  if (owner && *owner > 0) {
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *owner, 0)));
    if (pidfd) {
      wait_for(pidfd, POLLIN, slice.poll_timeout());
      return;
    }
  }
  std::this_thread::sleep_until(slice.at());
}

}  // namespace

std::optional<pid_t> lock_owner(const Fd& open_file) {
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(open_file.get(), F_GETLK, &lock) != 0) throw_errno("cannot ask for a lock");
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid > 0 ? lock.l_pid : 0;
}

std::optional<pid_t> lock_owner(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("cannot open '" + path + "'");
  }
  return lock_owner(file);
}

std::optional<LockOwner> pin_lock_owner(const std::string& path) {
  for (;;) {
    const auto first = lock_owner(path);
    if (!first || *first == 0) return std::nullopt;
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *first, 0)));
    if (!pidfd && errno != ESRCH) throw_errno("cannot open a pidfd of process " + std::to_string(*first));
    if (pidfd && lock_owner(path) == first) return LockOwner{*first, std::move(pidfd)};
  }
}

std::optional<ProcessLock> wait_for_lock(Fd& file, Deadline deadline) {
  for (;;) {
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(file.get(), F_SETLK, &lock) == 0) return ProcessLock(std::move(file));
    if (errno != EAGAIN && errno != EACCES) throw_errno("cannot take a lock");
    if (deadline.passed()) return std::nullopt;
    wait_for_owner(lock_owner(file), deadline);
  }
}

std::optional<ProcessLock> ProcessLock::try_take(Fd file) {
  return wait_for_lock(file, Deadline::after(std::chrono::milliseconds(0)));
}

bool try_inherited_lock(const Fd& file) {
  auto lock = whole_file(F_WRLCK);
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return true;
  if (errno != EAGAIN && errno != EACCES) throw_errno("cannot take a lock");
  return false;
}

std::optional<FileLock> FileLock::take_until(Fd& file, Deadline deadline) {
  for (;;) {
    if (try_inherited_lock(file)) return FileLock(std::move(file));
    if (deadline.passed()) return std::nullopt;
    wait_for_owner(lock_owner(file), deadline);
  }
}

std::optional<FileLock> FileLock::try_take(Fd file) {
  return take_until(file, Deadline::after(std::chrono::milliseconds(0)));
}

bool wait_until_unlocked(const std::string& path, Deadline deadline) {
  for (;;) {
    const auto owner = lock_owner(path);
    if (!owner) return true;
    if (deadline.passed()) return false;
    wait_for_owner(owner, deadline);
  }
}

}  // namespace meros
