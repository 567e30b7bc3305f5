// Which packages a stage is made from, where no lock says: as apt(8) of the host decides by the mirrors' lists.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "image/package_set.h"
#include "image/rootfs_spec.h"

namespace meros::image {

enum class Lists { as_they_are, anew };  // as they are: fetched only where there are none

struct ResolveInputs {
  RootfsSpec spec;
  std::string stage;             // "base", "packages", "kernel"
  std::filesystem::path lists;   // a directory of the cache, made where it is absent: the mirrors' lists, apt's cache
  std::filesystem::path status;  // dpkg's of what the stage stands on; empty for the base
  Lists wanted = Lists::as_they_are;
};
// In a worker (image/worker.h). Error where a mirror does not answer, or has no such package.
PackageSet resolve(const ResolveInputs& inputs);

// The keys that the mirrors are signed by: the spec's, or those of the distribution as its package has them.
std::filesystem::path keyring_of(const RootfsSpec& spec);

// The patterns and names that a base is asked for, apt-patterns(7). Pure.
std::vector<std::string> base_words(const RootfsSpec& spec);

}  // namespace meros::image
