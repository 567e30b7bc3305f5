#include "guest/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"

namespace meros::guest {
namespace {

constexpr std::size_t chunk = std::size_t{64} << 10;

struct stat look_at(const Fd& file) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_errno("cannot look at a log");
  return info;
}

bool same_file(const Fd& a, const Fd& b) {
  const auto one = look_at(a);
  const auto other = look_at(b);
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

std::string read_at(const Fd& file, std::size_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(file.get(), bytes.data(), size, static_cast<off_t>(offset));
  if (n < 0) throw_errno("cannot read a log");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

void seek(const Fd& file, std::size_t offset) {
  if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) throw_errno("cannot seek in a log");
}

}  // namespace

LinesFromEnd find_last_lines(const Fd& file, std::size_t lines) {
  const auto size = static_cast<std::size_t>(look_at(file).st_size);
  if (lines == 0) return {size, 0};
  // The end of the last line does not begin another one.
  std::size_t end = size;
  if (end > 0 && read_at(file, end - 1, 1) == "\n") --end;
  if (end > 0) --lines;  // the last line, ended or not, is one
  while (end > 0) {
    const std::size_t begin = end > chunk ? end - chunk : 0;
    const std::string bytes = read_at(file, begin, end - begin);
    for (std::size_t i = bytes.size(); i > 0; --i) {
      if (bytes[i - 1] != '\n') continue;
      if (lines == 0) return {begin + i, 0};
      --lines;
    }
    end = begin;
  }
  return {0, lines};
}

LogReader::LogReader(const Fd& directory, std::string name, std::optional<std::size_t> lines)
    : directory_(directory), name_(std::move(name)) {
  find_beginning(lines);
}

LogReader::LogReader(const Fd& directory, std::string name, Position from)
    : directory_(directory), name_(std::move(name)) {
  find_beginning(std::nullopt);
  const auto begins_in = [&](const Fd& file) { return file && look_at(file).st_ino == from.inode; };
  if (begins_in(next_)) active_ = std::move(next_);
  if (begins_in(active_)) seek(active_, from.offset);
}

void LogReader::find_beginning(std::optional<std::size_t> lines) {
  for (;;) {
    Fd newest = open_log(name_);
    Fd older = open_log(name_ + ".1");
    // A rotation between the two: look again.
    if (newest && older && same_file(newest, older)) continue;
    std::size_t missing = lines.value_or(0);
    if (newest && lines) {
      const auto found = find_last_lines(newest, *lines);
      missing = found.missing;
      seek(newest, found.offset);
    }
    if (older && (!lines || missing > 0)) {
      if (lines) seek(older, find_last_lines(older, missing).offset);
      active_ = std::move(older);
      next_ = std::move(newest);
    } else {
      active_ = std::move(newest);
    }
    return;
  }
}

Fd LogReader::open_log(const std::string& name) const {
  Fd file(::openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno != ENOENT) throw_errno("cannot open the log '" + name + "'");
  // Not a pipe or device that somebody put there: reading could last for ever.
  if (file && !S_ISREG(look_at(file).st_mode)) throw InvalidError("the log '" + name + "' is not a regular file");
  return file;
}

std::string LogReader::read_some() {
  if (!active_) return {};
  std::string bytes(chunk, '\0');
  for (;;) {
    const ssize_t n = ::read(active_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot read the log '" + name_ + "'");
    bytes.resize(static_cast<std::size_t>(n));
    if (n > 0) {
      position_ = {look_at(active_).st_ino, static_cast<std::uint64_t>(::lseek(active_.get(), 0, SEEK_CUR) - n)};
      return bytes;
    }
    // Truncated in place by somebody: it begins anew.
    const off_t at = ::lseek(active_.get(), 0, SEEK_CUR);
    if (look_at(active_).st_size >= at) return {};
    seek(active_, 0);
    bytes.resize(chunk);
  }
}

Fd LogReader::successor() const {
  Fd newest = open_log(name_);
  if (!active_) return newest;
  if (!newest || same_file(newest, active_)) return {};
  Fd older = open_log(name_ + ".1");
  if (!older || same_file(older, active_) || same_file(older, newest)) return newest;
  return older;  // rotated more than once: what was ours is gone, and this came after it
}

std::string LogReader::take() {
  for (;;) {
    std::string bytes = read_some();
    if (!bytes.empty()) return bytes;
    if (!next_) next_ = successor();
    if (!next_) return {};
    // The writer left `active_` before it made the next one, so that what was just read after that was its end.
    if (std::string rest = read_some(); !rest.empty()) return rest;
    active_ = std::move(next_);
  }
}

}  // namespace meros::guest
