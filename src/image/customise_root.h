// A system becomes the machine of a spec: names, disks, network, user and keys, then includes and hooks.
#pragma once

#include <filesystem>

#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"

namespace meros::image {

// `root`: a mount point with the system in it. Only a worker (image/worker.h) can. Error names the hook or tool that
// fails; what it printed is in the log.
void customise_root(const RootfsSpec& spec, const MachineKeys& keys, const std::filesystem::path& root);

}  // namespace meros::image
