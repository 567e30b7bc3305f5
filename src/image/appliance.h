// The other way into a disk image: libguestfs boots a small machine of its own on it, which knows LVM, xfs, btrfs and
// whatever else Linux mounts. For a worker.
//
// What the root gets is not done in that machine, which is slow where there is no KVM: it serves its files by FUSE, an
// overlay over them takes the changes, and these go back as one archive.
#pragma once

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "image/quick_way.h"

namespace meros::image {

// Why this host cannot do so, with the way out in the hint; nothing where it can.
std::optional<Error> why_no_appliance();

// Runs `edit` with the root mounted. `cache`: a directory in which libguestfs keeps the machine that it boots.
// HostError where it is not installed, or finds no kernel; InvalidError as edit_quickly.
void edit_by_appliance(const WorkDisk& disk, const std::filesystem::path& cache, const EditRoot& edit);

}  // namespace meros::image
