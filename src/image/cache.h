// data/cache: what the stages leave, each entry a directory named by its content's hash, and made once.
//
// An entry is made under a hidden name and appears by rename, so that it is whole or not there. Its files may belong to
// ids of a user namespace: only a worker (image/worker.h) writes and removes them. The directory is 0700, for
// set-user-id files in it are the caller's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/report.h"

namespace meros::image {

// Any number may use an entry, or one may make, replace or remove it.
enum class Hold { use, make };

// An entry's lock; let go at the end of its life.
class Held {
 public:
  Held(Held&&) noexcept = default;
  Held& operator=(Held&&) = delete;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held();
  // From `make` to `use`, without letting go.
  void keep_for_use();

 private:
  friend class Cache;
  explicit Held(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

class Cache {
 public:
  // Makes the directory. HostError where it belongs to another user (one of sudo's, say).
  explicit Cache(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path log_directory() const { return directory_ / "log"; }
  // "<directory>/base-0123…"
  std::filesystem::path entry(const std::string& stage, const std::string& hash) const;
  // Where it is made: in the same directory, hidden. At most one process has the entry's lock and works there.
  std::filesystem::path unfinished(const std::string& stage, const std::string& hash) const;

  // The lock of one entry or image, by name. Waits as long as it takes, and says for whom.
  Held hold(const std::string& name, Hold hold, Reporter& reporter) const;
  // The same if nobody is in the way.
  std::optional<Held> try_hold(const std::string& name, Hold hold) const;

 private:
  Fd open_lock_file(const std::string& name) const;
  std::filesystem::path directory_;
};

// "base-0123…": what the entry of a stage is called.
std::string entry_name(const std::string& stage, const std::string& hash);
// The name of the lock of a machine's image.
std::string image_lock(const std::string& constellation, const std::string& machine);

// Held for use by every build; for `make` by who removes files of packages (image/archives.h).
constexpr auto archives_in_use = "archives-in-use";

// For `image ls`.
struct CacheEntry {
  std::string name;   // "base-0123…"
  std::string stage;  // "base", "packages" …; "unfinished" for what a killed build left
  std::filesystem::path path;
};
std::vector<CacheEntry> list_entries(const std::filesystem::path& cache_directory);

}  // namespace meros::image
