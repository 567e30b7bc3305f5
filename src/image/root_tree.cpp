#include "image/root_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

int open_in_root(const Fd& root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const long fd = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
    // A rename elsewhere while ".." was resolved.
    if (fd < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    return static_cast<int>(fd);
  }
}

std::string relative(const std::string& path) {
  const auto begin = path.find_first_not_of('/');
  return begin == std::string::npos ? "." : path.substr(begin);
}

[[noreturn]] void fail(std::string_view what, const std::string& path) {
  throw_errno(fmt::format("cannot {} '/{}' in the image", what, relative(path)));
}

std::vector<std::string> names_in(Fd directory) {
  const int fd = directory.release();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (!stream) throw_errno("cannot read a directory");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

struct stat status_at(const Fd& directory, const std::string& name) {
  struct stat info {};
  if (::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) fail("look at", name);
  return info;
}

// One copy of a tree of the host's into the root.
class Copy {
 public:
  Copy(fs::path from, RootTree& root, const std::optional<HomeOwner>& owner)
      : from_(std::move(from)), root_(root), owner_(owner) {}

  void run() { copy_content(open_file(from_, O_RDONLY | O_DIRECTORY), ""); }

 private:
  void copy_content(const Fd& directory, const std::string& path) {
    for (const auto& name : names_in(open_file_at(directory, ".", O_RDONLY | O_DIRECTORY)))
      copy(directory, name, path + "/" + name);
  }

  void copy(const Fd& directory, const std::string& name, const std::string& path) {
    const struct stat info = status_at(directory, name);
    try {
      if (S_ISDIR(info.st_mode)) return copy_directory(directory, name, path, info);
      if (S_ISLNK(info.st_mode)) return copy_link(directory, name, path);
      if (S_ISREG(info.st_mode)) return copy_file(directory, name, path, info);
    } catch (SystemError& e) {
      if (e.error_number() != EISDIR && e.error_number() != ENOTDIR) throw;
      throw InvalidError(fmt::format("'{}' cannot be copied: in the image '{}' is {} directory", from_.string() + path,
                                     path, e.error_number() == EISDIR ? "a" : "no"));
    }
    throw InvalidError(fmt::format("'{}' is neither a file nor a directory nor a link", from_.string() + path));
  }

  void copy_directory(const Fd& directory, const std::string& name, const std::string& path, const struct stat& info) {
    const bool is_new = !root_.exists(path);
    root_.make_directory(path);
    const Fd made = root_.open(path, O_RDONLY | O_DIRECTORY);
    // The system's own are meant to stay as they are: /tmp is 1777, and a checkout's is 0755 or 0775.
    if (is_new && ::fchmod(made.get(), info.st_mode & 07777) != 0) fail("set the mode of", path);
    if (is_new) own(made, path);
    copy_content(open_file_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
  }

  void copy_link(const Fd& directory, const std::string& name, const std::string& path) {
    std::string target(4096, '\0');
    const ssize_t size = ::readlinkat(directory.get(), name.c_str(), target.data(), target.size());
    if (size < 0) fail("read the link", path);
    target.resize(static_cast<std::size_t>(size));
    root_.link(path, target);
    const auto place = root_.place_of(path);
    const auto [user, group] = owner_of(path);
    if (::fchownat(place.directory.get(), place.name.c_str(), user, group, AT_SYMLINK_NOFOLLOW) != 0)
      fail("set the owner of", path);
  }

  void copy_file(const Fd& directory, const std::string& name, const std::string& path, const struct stat& info) {
    const Fd source = open_file_at(directory, name, O_RDONLY | O_NOFOLLOW);
    root_.remove(path);
    const auto place = root_.place_of(path);
    const Fd target =
        open_file_at(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, info.st_mode & 0700);
    meros::copy_content(source, target);
    own(target, path);
    // After the owner: a change of it takes the set-user-id bit away.
    if (::fchmod(target.get(), info.st_mode & 07777) != 0) fail("set the mode of", path);
  }

  std::pair<uid_t, gid_t> owner_of(const std::string& path) const {
    if (owner_ && path.starts_with(owner_->home + "/")) return {owner_->user, owner_->group};
    return {0, 0};
  }
  void own(const Fd& file, const std::string& path) const {
    const auto [user, group] = owner_of(path);
    if (::fchown(file.get(), user, group) != 0) fail("set the owner of", path);
  }

  fs::path from_;
  RootTree& root_;
  const std::optional<HomeOwner>& owner_;
};

}  // namespace

RootTree::RootTree(const fs::path& root) : fd_(open_file(root, O_PATH | O_DIRECTORY)) {}

Fd RootTree::open(const std::string& path, int flags) const {
  Fd fd(open_in_root(fd_, relative(path), flags));
  if (!fd) fail("open", path);
  return fd;
}

bool RootTree::exists(const std::string& path) const {
  return static_cast<bool>(Fd(open_in_root(fd_, relative(path), O_PATH)));
}

std::optional<mode_t> RootTree::type_of(const std::string& path) {
  const Fd fd(open_in_root(fd_, relative(path), O_PATH | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail("look at", path);
  return info.st_mode & S_IFMT;
}

std::string RootTree::read(const std::string& path, std::size_t limit) const {
  const Fd fd(open_in_root(fd_, relative(path), O_RDONLY | O_NONBLOCK));
  if (!fd && errno == ENOENT) return "";
  if (!fd) fail("open", path);
  return read_all(fd, limit);
}

std::vector<std::string> RootTree::list(const std::string& directory) const {
  Fd fd(open_in_root(fd_, relative(directory), O_RDONLY | O_DIRECTORY));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (!fd) fail("open", directory);
  return names_in(std::move(fd));
}

RootTree::Place RootTree::place_of(const std::string& path) {
  const fs::path whole = relative(path);
  const std::string parent = whole.has_parent_path() ? whole.parent_path().string() : ".";
  if (parent != ".") make_directory(parent);
  return {open(parent, O_PATH | O_DIRECTORY), whole.filename().string()};
}

void RootTree::make_directory(const std::string& path, mode_t mode) {
  if (const Fd there(open_in_root(fd_, relative(path), O_PATH | O_DIRECTORY)); there) return;
  if (errno != ENOENT) fail("open", path);
  const Place place = place_of(path);
  if (::mkdirat(place.directory.get(), place.name.c_str(), mode) != 0) fail("make", path);
  const Fd made = open_file_at(place.directory, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (::fchmod(made.get(), mode) != 0) fail("set the mode of", path);
}

void RootTree::write(const std::string& path, std::string_view content, mode_t mode) {
  remove(path);
  const Place place = place_of(path);
  const Fd fd = open_file_at(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  write_all(fd, content);
  if (::fchmod(fd.get(), mode) != 0) fail("set the mode of", path);
}

void RootTree::link(const std::string& path, const std::string& target) {
  remove(path);
  const Place place = place_of(path);
  if (::symlinkat(target.c_str(), place.directory.get(), place.name.c_str()) != 0) fail("make the link", path);
}

void RootTree::remove(const std::string& path) {
  const Place place = place_of(path);
  if (::unlinkat(place.directory.get(), place.name.c_str(), 0) != 0 && errno != ENOENT) fail("replace", path);
}

void RootTree::set_owner(const std::string& path, uid_t user, gid_t group) {
  const Place place = place_of(path);
  if (::fchownat(place.directory.get(), place.name.c_str(), user, group, AT_SYMLINK_NOFOLLOW) != 0)
    fail("set the owner of", path);
}

void copy_tree(const fs::path& from, RootTree& root, const std::optional<HomeOwner>& owner) {
  if (!fs::exists(from)) return;
  Copy(from, root, owner).run();
}

}  // namespace meros::image
