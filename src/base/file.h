// Whole files: read, replace atomically, copy without filling holes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros {

// The whole file. NotFoundError when it is absent, InvalidError above `limit` bytes, SystemError otherwise.
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{16} << 20);
// The same, or nothing when it is absent.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path,
                                               std::size_t limit = std::size_t{16} << 20);

// The user that files are made for: under sudo the one who called it, else ourselves.
struct Owner {
  uid_t uid;
  gid_t gid;
};
Owner invoking_user();

// Write to a temporary in the same directory, fsync, rename over `path`, fsync the directory: after a crash the old or
// the new content is there, never a part. The file belongs to invoking_user(). No temporary is left after an error.
enum class Durability { flushed, process_crash_only };  // the second skips the fsyncs: for state that a reboot voids
void replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644,
                  Durability durability = Durability::flushed);

// Copies a regular file: by reflink where the file system can, else its data extents only, so that holes stay holes.
// The target must not exist. On an error (a full disk, say) the part written is removed.
enum class CopyMethod { reflink, sparse };
CopyMethod clone_file(const std::filesystem::path& from, const std::filesystem::path& to, mode_t mode = 0600);
// The content alone, into an open file whose own content it replaces. InvalidError when the source is no regular file.
CopyMethod copy_content(const Fd& source, const Fd& target);

// Makes the directory and its parents; new ones belong to invoking_user().
void make_directories(const std::filesystem::path& path, mode_t mode = 0755);

// A directory that is removed with all its content at the end of its life.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace meros
