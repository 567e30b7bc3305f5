// `meros build`: root file systems from specs, stage by stage, each stage from the cache where its inputs are the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/report.h"
#include "image/built.h"
#include "image/rootfs_spec.h"
#include "machine/home.h"

namespace meros::image {

struct BuildOptions {
  machine::Home home;
  bool no_cache = false;                   // every stage anew, with the packages of the lock
  bool pull = false;                       // the newest packages of the mirrors, and a new lock
  std::optional<std::string> mirror = {};  // in place of the specs'
  std::filesystem::path keyring = {};      // in place of the specs'
  std::filesystem::path lock_file = {};    // meros.lock of the constellation (image/lock_file.h); empty: none is kept
  bool locked = false;                     // the lock must have all packages, and is not written
  bool all_machines = false;               // those that are built are all: the lock forgets what none of them takes
  unsigned jobs = 0;                       // machines at once; 0: as many as there are processors
};

struct BuildResult {
  Built built;
  bool unchanged = false;              // nothing was to do
  std::vector<std::string> made = {};  // "base", "packages" …: the stages that did not come from the cache
};

// Builds one machine's image into home.images_dir: the image, its kernel and initrd where spec.kernel, the JSON file.
// The former ones stay until the new ones are whole. Waits while another process builds the same, and says for whom.
// HostError where the host lacks a program, a subordinate range, a kernel feature; Error with the last lines of the log
// where a tool or hook fails.
BuildResult build_rootfs(const RootfsSpec& spec, const BuildOptions& options, Reporter& reporter);

// Several, at once as far as they do not wait for a stage that they share. One failure does not stop the others.
struct BuildOutcome {
  std::string machine;
  std::optional<BuildResult> result;
  std::optional<Error> error;
};
std::vector<BuildOutcome> build_all(const std::vector<RootfsSpec>& specs, const BuildOptions& options,
                                    Reporter& reporter);

}  // namespace meros::image
