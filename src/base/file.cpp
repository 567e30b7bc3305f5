#include "base/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace fs = std::filesystem;

namespace meros {
namespace {

// Removes a half-made file unless told that it is whole.
class Unfinished {
 public:
  explicit Unfinished(fs::path path) : path_(std::move(path)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

void give_to(const Fd& fd, const Owner& owner) {
  if (::geteuid() != 0 || owner.uid == 0) return;
  if (::fchown(fd.get(), owner.uid, owner.gid) != 0) throw_errno("cannot change the owner of a new file");
}

std::optional<unsigned> id_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  unsigned value = 0;
  const std::string_view view = text;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc{} || end != view.data() + view.size()) return std::nullopt;
  return value;
}

[[noreturn]] void throw_shorter() { throw Error("cannot copy: the file became shorter while it was read"); }

// Through our own memory: between file systems of different kinds the kernel does not copy by itself.
void copy_by_hand(const Fd& from, const Fd& to, off_t begin, off_t end) {
  std::vector<char> buffer(std::size_t{1} << 20);
  while (begin < end) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(end - begin));
    const ssize_t n = ::pread(from.get(), buffer.data(), wanted, begin);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot copy");
    if (n == 0) throw_shorter();
    for (ssize_t done = 0; done < n;) {
      const ssize_t written =
          ::pwrite(to.get(), buffer.data() + done, static_cast<std::size_t>(n - done), begin + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_errno("cannot copy");
      done += written;
    }
    begin += n;
  }
}

void copy_range(const Fd& from, const Fd& to, off_t begin, off_t end) {
  off_t in = begin;
  off_t out = begin;
  while (in < end) {
    const ssize_t n = ::copy_file_range(from.get(), &in, to.get(), &out, static_cast<std::size_t>(end - in), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == ENOSYS)) return copy_by_hand(from, to, in, end);
    if (n < 0) throw_errno("cannot copy");
    if (n == 0) throw_shorter();
  }
}

// A sixth quicker on ext4 than to have the blocks found while they are written; and the next flush of any small file
// does not wait for all of these. A full disk shows at once. Not every file system can.
void reserve(const Fd& file, off_t begin, off_t length) {
  while (::fallocate(file.get(), 0, begin, length) != 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return;
    if (errno != EINTR) throw_errno("cannot copy");
  }
}

void copy_extents(const Fd& from, const Fd& to, off_t size) {
  if (::ftruncate(to.get(), size) != 0) throw_errno("cannot set the size of the copy");
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;  // nothing but a hole up to the end
    if (data < 0) throw_errno("cannot find the data in the file");
    const off_t hole = ::lseek(from.get(), data, SEEK_HOLE);
    if (hole < 0) throw_errno("cannot find the holes in the file");
    reserve(to, data, hole - data);
    copy_range(from, to, data, hole);
    at = hole;
  }
}

}  // namespace

std::optional<std::string> read_file_if_exists(const fs::path& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw_errno("cannot open '" + path.string() + "'");
  }
  try {
    return read_all(fd, limit);
  } catch (Error& e) {
    e.add_context("'" + path.string() + "'");
    throw;
  }
}

std::string read_file(const fs::path& path, std::size_t limit) {
  if (auto content = read_file_if_exists(path, limit)) return std::move(*content);
  throw NotFoundError("'" + path.string() + "' does not exist");
}

Owner invoking_user() {
  if (::geteuid() == 0) {
    const auto uid = id_from("SUDO_UID");
    const auto gid = id_from("SUDO_GID");
    if (uid && gid) return {*uid, *gid};
  }
  return {::geteuid(), ::getegid()};
}

void replace_file(const fs::path& path, std::string_view content, mode_t mode, Durability durability) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string temporary = (parent / ("." + path.filename().string() + ".XXXXXX")).string();
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) throw_errno("cannot write '" + path.string() + "'");
  Unfinished unfinished(temporary);
  try {
    write_all(fd, content);
    if (::fchmod(fd.get(), mode) != 0) throw_errno("cannot set its mode");
    give_to(fd, invoking_user());
    if (durability == Durability::flushed && ::fsync(fd.get()) != 0) throw_errno("cannot flush it");
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno("cannot rename the new file");
    unfinished.keep();
    if (durability == Durability::flushed) {
      const Fd directory = open_file(parent, O_RDONLY | O_DIRECTORY);
      if (::fsync(directory.get()) != 0) throw_errno("cannot flush its directory");
    }
  } catch (Error& e) {
    e.add_context("cannot write '" + path.string() + "'");
    throw;
  }
}

CopyMethod copy_content(const Fd& source, const Fd& target) {
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) throw_errno("cannot look at it");
  if (!S_ISREG(info.st_mode)) throw InvalidError("it is not a regular file");
  if (::ftruncate(target.get(), 0) != 0) throw_errno("cannot empty the target");
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return CopyMethod::reflink;
  copy_extents(source, target, info.st_size);
  return CopyMethod::sparse;
}

CopyMethod clone_file(const fs::path& from, const fs::path& to, mode_t mode) {
  const std::string context = "cannot copy '" + from.string() + "' to '" + to.string() + "'";
  try {
    const Fd source = open_file(from, O_RDONLY);
    const Fd target = open_file(to, O_WRONLY | O_CREAT | O_EXCL, mode);
    Unfinished unfinished(to);
    give_to(target, invoking_user());
    const CopyMethod method = copy_content(source, target);
    unfinished.keep();
    return method;
  } catch (Error& e) {
    e.add_context(context);
    throw;
  }
}

void make_directories(const fs::path& path, mode_t mode) {
  if (path.empty() || fs::is_directory(path)) return;
  make_directories(path.parent_path(), mode);
  if (::mkdir(path.c_str(), mode) != 0) {
    if (errno == EEXIST && fs::is_directory(path)) return;
    throw_errno("cannot make the directory '" + path.string() + "'");
  }
  const Fd fd = open_file(path, O_RDONLY | O_DIRECTORY);
  give_to(fd, invoking_user());
}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent) {
  std::string pattern = (parent / "meros-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw_errno("cannot make a temporary directory in '" + parent.string() + "'");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a destructor cannot report; the directory's name says whose it was
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace meros
