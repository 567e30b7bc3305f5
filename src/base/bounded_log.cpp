#include "base/bounded_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"

namespace meros {
namespace {

// The end of one file; empty when it is absent.
std::string tail_of(const std::string& path, std::size_t bytes) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    throw_errno("cannot open '" + path + "'");
  }
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  const auto wanted = static_cast<off_t>(bytes);
  if (::lseek(fd.get(), size > wanted ? size - wanted : 0, SEEK_SET) < 0) throw_errno("cannot seek in '" + path + "'");
  // It may grow while it is read: take what was its end when we looked.
  std::string text(static_cast<std::size_t>(std::min(size, wanted)), '\0');
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot read '" + path + "'");
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  text.resize(got);
  return text;
}

}  // namespace

BoundedLog::BoundedLog(const Fd& directory, std::string name, std::size_t limit, mode_t mode)
    : directory_(directory.get()), name_(std::move(name)), limit_(limit), mode_(mode) {
  open();
}

void BoundedLog::open() {
  Fd fd(::openat(directory_, name_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode_));
  if (!fd) throw_errno("cannot open the log '" + name_ + "'");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("cannot look at the log '" + name_ + "'");
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != info.st_uid && ::fchown(fd.get(), owner.uid, owner.gid) != 0)
    throw_errno("cannot change the owner of the log '" + name_ + "'");
  inode_ = info.st_ino;
  size_ = static_cast<std::size_t>(info.st_size);
  file_ = std::move(fd);
}

void BoundedLog::rotate() noexcept {
  const std::string old = name_ + ".1";
  if (::renameat(directory_, name_.c_str(), directory_, old.c_str()) != 0) {
    ++failed_writes_;
    return;
  }
  try {
    open();
  } catch (const Error&) {
    ++failed_writes_;  // we go on writing into the renamed file
    size_ = 0;
  }
}

void BoundedLog::append(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    if (size_ >= limit_) rotate();
    const std::size_t room = limit_ > size_ ? limit_ - size_ : bytes.size();
    const ssize_t n = ::write(file_.get(), bytes.data(), std::min(bytes.size(), room));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ++failed_writes_;
      return;
    }
    size_ += static_cast<std::size_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string log_tail(const std::string& path, std::size_t bytes) {
  std::string newest = tail_of(path, bytes);
  if (newest.size() >= bytes) return newest;
  return tail_of(path + ".1", bytes - newest.size()) + newest;
}

std::string last_lines(std::string_view text, std::size_t count) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::size_t begin = text.size();
  for (std::size_t lines = 0; begin > 0; --begin)
    if (text[begin - 1] == '\n' && ++lines == count) break;
  std::string clean;
  for (const char c : text.substr(begin))
    if (c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) clean += c;
  return clean;
}

}  // namespace meros
