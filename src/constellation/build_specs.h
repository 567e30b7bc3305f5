// From a manifest to what is built for it. Pure but for looking at which directories are there, and, for machines whose
// driver is `auto`, at what the host can run.
#pragma once

#include <filesystem>
#include <vector>

#include "constellation/manifest.h"
#include "image/rootfs_spec.h"
#include "image/use.h"
#include "machine/choices.h"

namespace meros::constellation {

// What will run the machine, and why: the format of its image is the one that this reads.
machine::DriverName driver_of(const Machine& machine);

// Of one machine, in the constellation's directory: common/ and its own (that of its group, then its own, with a count)
// are its includes and hooks. `root`: the directory that paths of the manifest are relative to, which holds data/.
// The machine must have a distribution.
image::RootfsSpec build_spec(const Manifest& manifest, const Machine& machine, const std::filesystem::path& directory,
                             const std::filesystem::path& root);

// The same for an image that somebody brings; the machine need not have a distribution.
image::UseRequest use_request(const Manifest& manifest, const Machine& machine, const std::filesystem::path& directory,
                              const std::filesystem::path& root);

}  // namespace meros::constellation
