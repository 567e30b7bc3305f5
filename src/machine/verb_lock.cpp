#include "machine/verb_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace meros::machine {
namespace {

Fd open_lock_file(const Home& home, const std::string& path, const std::string& whose) {
  make_directories(home.locks_dir());
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) {
    const int error = errno;
    struct stat info {};
    if (error == EACCES && ::stat(path.c_str(), &info) == 0)
      throw HostError(fmt::format("{} belongs to another user (uid {})", whose, info.st_uid),
                      fmt::format("run it as that user: sudo -u '#{}' meros …", info.st_uid));
    throw SystemError("cannot open the lock file '" + path + "'", error);
  }
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != 0 && ::fchown(file.get(), owner.uid, owner.gid) != 0)
    throw_errno("cannot change the owner of '" + path + "'");
  return file;
}

Fd open_lock_file(const Home& home, const MachineId& id) {
  return open_lock_file(home, lock_file_of(home, id).string(), "machine '" + id.to_string() + "'");
}

// For those who wait: which verb this is.
void leave_word(const Fd& file, const std::string& verb) {
  const std::string word = fmt::format("{} {}\n", verb, ::getpid());
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), word.data(), word.size(), 0) < 0)
    throw_errno("cannot write into the lock file");
}

// What the holder left. Written by another process of this user; shown, so only what a word of ours has is kept.
std::string word_of(const std::string& path) {
  std::string word;
  for (const char c : read_file_if_exists(path, 4096).value_or(""))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == ' ') word += c;
  return word.substr(0, 64);
}

std::string describe_holder(const Home& home, const MachineId& id) {
  const auto words = split(word_of(lock_file_of(home, id).string()), ' ');
  const std::string verb = words.front().empty() ? "" : "'" + words.front() + "'";
  const std::string process = words.size() > 1 ? "process " + words[1] : "another process";
  return verb.empty() ? process : verb + " by " + process;
}

}  // namespace

std::string verb_in_progress(const Home& home, const MachineId& id) {
  const std::string path = lock_file_of(home, id).string();
  if (!lock_owner(path)) return {};
  return split(word_of(path), ' ').front();
}

std::optional<FileLock> try_lock_verb(const Home& home, const MachineId& id, const VerbOptions& options) {
  auto lock = FileLock::try_take(open_lock_file(home, id));
  if (lock) leave_word(lock->file(), options.verb);
  return lock;
}

FileLock lock_verb(const Home& home, const MachineId& id, const VerbOptions& options) {
  std::string holder;
  auto lock = FileLock::take(open_lock_file(home, id), Deadline::after(options.lock_timeout), [&] {
    holder = describe_holder(home, id);
    options.reporter->note(fmt::format("waiting for {} on '{}'", holder, id.to_string()));
  });
  if (!lock)
    throw BusyError(
        fmt::format("machine '{}' is in use by {}", id.to_string(), holder.empty() ? "another verb" : holder),
        "wait for it, or give --lock-timeout more seconds");
  leave_word(lock->file(), options.verb);
  return std::move(*lock);
}

FileLock lock_addresses(const Home& home, const VerbOptions& options) {
  const std::string path = (home.locks_dir() / ".addresses").string();
  auto lock =
      FileLock::take(open_lock_file(home, path, "'" + path + "'"), Deadline::after(options.lock_timeout), [] {});
  if (!lock) throw BusyError("the addresses of '" + home.volumes_dir.string() + "' are in use by another verb");
  return std::move(*lock);
}

void require_owner(const Config& config, const MachineId& id, const VerbOptions& options) {
  if (config.owner.uid == ::geteuid()) return;
  const std::string with = config.owner.uid == 0 ? "sudo" : fmt::format("sudo -u '#{}'", config.owner.uid);
  throw HostError(
      fmt::format("machine '{}' was made by uid {} and you are uid {}", id.to_string(), config.owner.uid, ::geteuid()),
      fmt::format("run: {} meros {} {}", with, options.verb, id.to_string()));
}

}  // namespace meros::machine
