#include "image/tree_digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <map>

#include "base/error.h"
#include "base/fd.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr mode_t permissions = 07777;

struct stat status_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) throw_errno(fmt::format("cannot look at '{}'", path.string()));
  return info;
}

// One line an entry, with lengths before the names, so that no two trees have the same text.
class Digest {
 public:
  std::string of(const fs::path& directory) {
    add_directory(directory, "");
    return sha256_of(text_);
  }

 private:
  void add_directory(const fs::path& directory, const std::string& name) {
    std::map<std::string, fs::path> entries;  // in name order
    for (const auto& entry : fs::directory_iterator(directory))
      entries.emplace(entry.path().filename().string(), entry.path());
    for (const auto& [entry, path] : entries) add(path, name + "/" + entry);
  }

  void add(const fs::path& path, const std::string& name) {
    const struct stat info = status_of(path);
    const auto line = [&](std::string_view kind, std::string_view content) {
      text_ += fmt::format("{} {:o} {}:{} {}:{}\n", kind, info.st_mode & permissions, name.size(), name, content.size(),
                           content);
    };
    if (S_ISLNK(info.st_mode)) return line("link", fs::read_symlink(path).string());
    if (S_ISREG(info.st_mode)) return line("file", sha256_of(open_file(path, O_RDONLY | O_NOFOLLOW)));
    if (!S_ISDIR(info.st_mode))
      throw InvalidError(fmt::format("'{}' is neither a file nor a directory nor a link", path.string()));
    line("directory", "");
    add_directory(path, name);
  }

  std::string text_;
};

}  // namespace

std::string tree_digest(const fs::path& directory) {
  const auto kind = fs::status(directory).type();
  if (kind == fs::file_type::not_found) return "";
  if (kind != fs::file_type::directory) throw InvalidError(fmt::format("'{}' is not a directory", directory.string()));
  return Digest().of(directory);
}

}  // namespace meros::image
