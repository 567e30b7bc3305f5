#include "image/settled_times.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

struct stat status_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) throw_errno(fmt::format("cannot look at '{}'", path.string()));
  return info;
}

void set_time(const fs::path& path, std::int64_t time) {
  struct timespec value {};
  value.tv_sec = time;
  const std::array<struct timespec, 2> times = {value, value};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno(fmt::format("cannot set the time of '{}'", path.string()));
}

// Links are never followed.
template <typename Visit>
void visit_all(const fs::path& tree, Visit visit) {
  for (const auto& entry : fs::recursive_directory_iterator(tree)) visit(entry.path());
  visit(tree);
}

}  // namespace

std::int64_t settle_times(const fs::path& layer, std::int64_t started, std::int64_t newest_below) {
  std::int64_t newest = newest_below;
  visit_all(layer, [&](const fs::path& path) {
    const struct stat info = status_of(path);
    if (!S_ISDIR(info.st_mode) && info.st_mtim.tv_sec < started)
      newest = std::max<std::int64_t>(newest, info.st_mtim.tv_sec);
  });
  visit_all(layer, [&](const fs::path& path) {
    const struct stat info = status_of(path);
    if (S_ISDIR(info.st_mode) || info.st_mtim.tv_sec >= started) set_time(path, newest);
  });
  return newest;
}

void set_times(const fs::path& tree, std::int64_t time) {
  visit_all(tree, [&](const fs::path& path) { set_time(path, time); });
}

}  // namespace meros::image
