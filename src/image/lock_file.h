// meros.lock: the packages that a constellation's images are made from. Written by the first build, kept to by later
// ones, renewed by `build --pull`; made to be committed.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "image/package_set.h"
#include "image/rootfs_spec.h"

namespace meros::image {

constexpr int lock_schema_version = 1;

// What a set of packages is for. Machines that have it in common share the set.
struct LockKey {
  std::string stage;         // "base", "packages", "kernel"
  std::string distribution;  // "debian"
  std::string release;
  std::string arch;                       // "x86_64"
  std::vector<std::string> asked = {};    // the packages that were asked for, in order; none for the base
  std::vector<std::string> mirrors = {};  // the manifest's own
  auto operator<=>(const LockKey&) const = default;
};

class LockFile {
 public:
  // An empty path: sets are remembered and never written. InvalidError for a file that is no lock of ours.
  explicit LockFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  bool exists() const { return exists_; }  // when it was read
  std::optional<PackageSet> find(const LockKey& key) const;
  // What a machine of this build takes. Safe to use from several threads, as find is.
  void take(const LockKey& key, const PackageSet& set);
  // Writes what was taken. Other sets stay, unless `only_taken`: when all machines were built. Nothing happens where
  // the file says the same.
  void save(bool only_taken);

 private:
  using Sets = std::map<LockKey, PackageSet>;
  static Sets read(const std::filesystem::path& path);
  std::filesystem::path path_;
  bool exists_ = false;
  mutable std::mutex mutex_;
  Sets sets_;
  Sets taken_;
};

}  // namespace meros::image
