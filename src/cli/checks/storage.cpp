#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"
#include "cli/checks/check.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

constexpr std::uint64_t little_space = std::uint64_t{5} << 30;  // a built image, its stages and a few machines

fs::path nearest_existing(fs::path path) {
  path = fs::absolute(path);
  while (!fs::exists(path) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// A file without a name: nothing of it is ever left.
Fd unnamed_file(const fs::path& directory) {
  return Fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

}  // namespace

Check check_data_directory(const HostView& host, const fs::path& directory) {
  Check check{.id = "data-directory", .title = "data directory", .required = true};
  const fs::path place = nearest_existing(directory);
  check.detail = place == directory ? directory.string() : directory.string() + " (made when it is needed)";
  if (fs::is_directory(place) && ::access(place.c_str(), W_OK | X_OK) == 0) return check;
  check.status = Check::Status::missing;
  check.detail = fs::is_directory(place) ? fmt::format("'{}' may not be written to by this user", place.string())
                                         : fmt::format("'{}' is not a directory", place.string());
  check.remedy = host.is_root ? "name another with --data-dir" : "name another with --data-dir, or run it with sudo";
  return check;
}

Check check_disk_space(const fs::path& directory) {
  Check check{.id = "disk-space", .title = "disk space"};
  const fs::path place = nearest_existing(directory);
  struct statvfs info {};
  if (::statvfs(place.c_str(), &info) != 0) {
    check.status = Check::Status::degraded;
    check.detail = fmt::format("cannot be told of '{}': {}", place.string(), std::strerror(errno));
    return check;
  }
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  check.detail = fmt::format("{} free in '{}'", format_bytes(free), place.string());
  if (free >= little_space) return check;
  check.status = Check::Status::degraded;
  check.detail += fmt::format("; building images takes some {}", format_bytes(little_space));
  check.remedy = "make room there, or name another place with --data-dir";
  return check;
}

Check check_reflink(const fs::path& directory) {
  Check check{.id = "reflink", .title = "reflink", .detail = "raw disks are copied at once and share their space"};
  const fs::path place = nearest_existing(directory);
  const Fd source = unnamed_file(place);
  const Fd copy = unnamed_file(place);
  // One block: an empty file is cloned everywhere.
  const std::string block(4096, 'x');
  const bool written = source && copy && ::pwrite(source.get(), block.data(), block.size(), 0) == 4096;
  if (written && ::ioctl(copy.get(), FICLONE, source.get()) == 0) return check;
  check.status = Check::Status::degraded;
  if (!written) {
    check.detail = fmt::format("cannot be tried in '{}': {}", place.string(), std::strerror(errno));
    return check;
  }
  check.detail = "the file system has none: raw disks are copied byte by byte (holes are kept)";
  check.remedy = "a data directory on btrfs or xfs";
  return check;
}

}  // namespace meros::cli
