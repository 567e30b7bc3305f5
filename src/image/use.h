// `meros build --use`: machines' images from one that somebody brings, which is never changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/report.h"
#include "image/build.h"
#include "image/rootfs_spec.h"

namespace meros::image {

struct UseRequest {
  RootfsSpec spec;
  bool login_by_system = false;  // the machine has no distribution: its user is named after the image's
  std::uint64_t bytes = 0;       // the disk's size, where it is to be larger than the image's
};

// As build_all. `image`: a raw image, or a qcow2 image and what it stands on in its own directory; a bare file system,
// or partitions, or LVM. InvalidError for one that is encrypted, damaged, without an operating system, or for another
// architecture. Of the options, those of mirrors and locks have no meaning.
std::vector<BuildOutcome> use_all(const std::vector<UseRequest>& requests, const std::filesystem::path& image,
                                  const BuildOptions& options, Reporter& reporter);

}  // namespace meros::image
