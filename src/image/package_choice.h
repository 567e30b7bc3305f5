// Which packages each stage of a machine takes: those of meros.lock, else as they were chosen before, else as the
// mirrors have them now.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "image/build.h"
#include "image/lock_file.h"
#include "image/package_set.h"
#include "image/rootfs_spec.h"
#include "image/site.h"

namespace meros::image {

// What the machines of one call have in common. Safe to use from several threads.
class Run {
 public:
  explicit Run(const BuildOptions& options) : options_(options), lock_(options.lock_file) {}

  const BuildOptions& options() const { return options_; }
  LockFile& lock() { return lock_; }
  // Whether something of the cache is to be made although it is there: once a call, under --no-cache and --pull.
  bool is_stale(const std::string& name) const;
  bool is_fresh(const std::string& name) const;  // made by this call
  void made(const std::string& name);

 private:
  const BuildOptions& options_;
  LockFile lock_;
  mutable std::mutex mutex_;
  std::set<std::string> fresh_;
};

class PackageChoice {
 public:
  // `spec` with its options; `mirrors` are the manifest's own.
  PackageChoice(const RootfsSpec& spec, std::vector<std::string> mirrors, Run& run, const Site& site,
                Reporter& reporter);

  // What is chosen for a stage by now. `question`: the stage's hash while its packages are not known. InvalidError
  // under --locked where the lock does not say.
  std::optional<PackageSet> known(const std::string& stage, const std::string& question) const;
  // Chooses where it must; `use` is called with the outcome, and where packages cannot be had (MissingPackages) that
  // are no lock's, once more with what the mirrors have now. `status`: dpkg's of what is there; empty for the base.
  void choose(const std::string& stage, const std::string& question, const std::filesystem::path& status,
              const std::function<void(const PackageSet&)>& use) const;
  // Fetches the files of a set that are not kept.
  void fetch(const PackageSet& set) const;
  std::filesystem::path archives() const { return site_.cache().directory() / "archives"; }

 private:
  LockKey key_of(const std::string& stage) const;
  bool is_left_to_apk(const std::string& stage) const;
  std::optional<PackageSet> locked(const std::string& stage) const;
  std::filesystem::path answer_file(const std::string& stage, const std::string& question) const;
  PackageSet resolved(const std::string& stage, const std::string& question, const std::filesystem::path& status,
                      bool again) const;
  PackageSet ask(const std::string& stage, const std::filesystem::path& status, bool again) const;

  const RootfsSpec& spec_;
  std::vector<std::string> mirrors_;
  Run& run_;
  const Site& site_;
  Reporter& reporter_;
};

// "http://mirror/debian" of a line of sources.list; nothing for one that has no URL of ours.
std::optional<std::string> base_url(const std::string& line);

}  // namespace meros::image
