// File locks, of the kinds that Linux has and meros needs.
//
// ProcessLock: a POSIX record lock (F_SETLK). It belongs to the process and dies with it; who asks with F_GETLK learns
//   the owner's pid. It is also lost when the process closes *any* descriptor of the file: open such a file once.
// FileLock: an open-file-description lock (F_OFD_SETLK) of ours. Two threads of one process exclude each other, too,
// and
//   no other descriptor of the file matters; but who asks learns that it is held, not by whom.
// InheritedLock: an open-file-description lock (F_OFD_SETLK). It belongs to the open file, so that a child that
// inherits
//   the descriptor keeps it after we are gone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"

namespace meros {

// The pid of the process that write-locks the file now, seen from our PID namespace; 0 for an owner that has no pid
// here or that is an open file description (InheritedLock); nothing when it is free. Never disturbs a locker. A file
// that does not exist is free.
std::optional<pid_t> lock_owner(const std::string& path);
std::optional<pid_t> lock_owner(const Fd& open_file);

// A process that was seen to own a lock, pinned by a pidfd so that its number cannot be reused under us.
struct LockOwner {
  pid_t pid;
  Fd pidfd;
};
// Asks, opens a pidfd, and asks again: only the same answer twice counts.
std::optional<LockOwner> pin_lock_owner(const std::string& path);

class ProcessLock {
 public:
  // Takes the lock on an open file (opened for writing), or returns nothing where another process has it.
  static std::optional<ProcessLock> try_take(Fd file);
  // Waits for it until the deadline. `waiting` is called once when somebody else has it, with that process's pid.
  template <typename Waiting>
  static std::optional<ProcessLock> take(Fd file, Deadline deadline, Waiting waiting);

  const Fd& file() const { return file_; }

 private:
  explicit ProcessLock(Fd file) : file_(std::move(file)) {}
  friend std::optional<ProcessLock> wait_for_lock(Fd& file, Deadline deadline);
  Fd file_;
};

// Waits until the lock is got (an owned lock) or the time is over (nothing; `file` is then still ours).
std::optional<ProcessLock> wait_for_lock(Fd& file, Deadline deadline);

template <typename Waiting>
std::optional<ProcessLock> ProcessLock::take(Fd file, Deadline deadline, Waiting waiting) {
  if (auto owner = lock_owner(file)) waiting(*owner);
  return wait_for_lock(file, deadline);
}

class FileLock {
 public:
  // Takes the lock on an open file (opened for writing), or returns nothing where it is held elsewhere.
  static std::optional<FileLock> try_take(Fd file);
  // Waits for it until the deadline. `waiting` is called once when somebody else has it.
  template <typename Waiting>
  static std::optional<FileLock> take(Fd file, Deadline deadline, Waiting waiting);

  const Fd& file() const { return file_; }

 private:
  explicit FileLock(Fd file) : file_(std::move(file)) {}
  // Gives `file` up only with the lock.
  static std::optional<FileLock> take_until(Fd& file, Deadline deadline);
  Fd file_;
};

template <typename Waiting>
std::optional<FileLock> FileLock::take(Fd file, Deadline deadline, Waiting waiting) {
  const auto now = Deadline::after(std::chrono::milliseconds(0));
  if (auto lock = take_until(file, now)) return lock;
  waiting();
  return take_until(file, deadline);
}

// Locks the open file description, for those who inherit the descriptor. False where it is held elsewhere.
bool try_inherited_lock(const Fd& file);

// Waits until nobody holds a lock on the file, whichever its kind. False after the deadline.
bool wait_until_unlocked(const std::string& path, Deadline deadline);

}  // namespace meros
