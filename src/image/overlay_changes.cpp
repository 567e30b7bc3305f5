#include "image/overlay_changes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <optional>

#include "base/error.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// With the mount option `userxattr` (filesystems/overlayfs.rst of Linux's documentation).
constexpr auto opaque_mark = "user.overlay.opaque";

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

bool is_whiteout(const struct stat& info) { return S_ISCHR(info.st_mode) && info.st_rdev == ::makedev(0, 0); }

bool is_opaque(const fs::path& directory) {
  char value = 0;
  return ::lgetxattr(directory.c_str(), opaque_mark, &value, 1) == 1 && value == 'y';
}

class Removals {
 public:
  Removals(const fs::path& upper, const fs::path& lower) : upper_(upper), lower_(lower) {}

  std::vector<std::string> run() {
    visit("");
    return std::move(removed_);
  }

 private:
  void visit(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(upper_.string() + directory))
      names.push_back(entry.path().filename().string());
    for (const auto& name : names) look_at(directory + "/" + name);
  }

  void look_at(const std::string& path) {
    const fs::path above = upper_.string() + path;
    const auto now = status_of(above);
    if (!now) throw_errno(fmt::format("cannot look at '{}'", above.string()));
    if (is_whiteout(*now)) {
      removed_.push_back(path);
      fs::remove(above);
      return;
    }
    const auto before = status_of(lower_.string() + path);
    const bool is_directory = S_ISDIR(now->st_mode);
    if (before && ((before->st_mode & S_IFMT) != (now->st_mode & S_IFMT) || (is_directory && is_opaque(above))))
      removed_.push_back(path);
    if (is_directory) visit(path);
  }

  const fs::path& upper_;
  const fs::path& lower_;
  std::vector<std::string> removed_;
};

}  // namespace

std::vector<std::string> take_removals(const fs::path& upper, const fs::path& lower) {
  return Removals(upper, lower).run();
}

}  // namespace meros::image
