// Files inside a guest's root directory, reached as the guest would reach them: a link in it, absolute or with "..",
// never leads out (openat2(2), RESOLVE_IN_ROOT).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace meros::image {

class RootTree {
 public:
  explicit RootTree(const std::filesystem::path& root);

  const Fd& fd() const { return fd_; }

  // Paths are the guest's, with or without the first slash. All throw SystemError with the path in it.
  Fd open(const std::string& path, int flags) const;
  bool exists(const std::string& path) const;              // links are followed
  std::optional<mode_t> type_of(const std::string& path);  // S_IFMT of the entry itself; nothing where there is none
  std::string read(const std::string& path, std::size_t limit = std::size_t{1} << 20) const;  // "" where there is none
  std::vector<std::string> list(const std::string& directory) const;  // names in order; none where there is none

  // With its parents, which are root's and 0755; a directory that is there stays as it is.
  void make_directory(const std::string& path, mode_t mode = 0755);
  // Replaces whatever had that name but a directory.
  void write(const std::string& path, std::string_view content, mode_t mode = 0644);
  void link(const std::string& path, const std::string& target);
  void remove(const std::string& path);  // a file or link; nothing happens where there is none
  void set_owner(const std::string& path, uid_t user, gid_t group);

  // The directory that holds `path`, made where it is absent, and the last name of it.
  struct Place {
    Fd directory;
    std::string name;
  };
  Place place_of(const std::string& path);

 private:
  Fd fd_;
};

// Copies the content of a directory of the host over the root: modes as they are, owners 0, links as links. An existing
// directory in the root keeps its owner and takes the mode; a link in the root to a directory is followed inside the
// root. Paths below `home` belong to its user. InvalidError where a file would replace a directory or the other way.
struct HomeOwner {
  std::string home;  // "/home/debian"
  uid_t user;
  gid_t group;
};
void copy_tree(const std::filesystem::path& from, RootTree& root, const std::optional<HomeOwner>& owner);

}  // namespace meros::image
