// What a spec names by a path, as digests (image/stage.h).
#pragma once

#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"
#include "image/stage.h"

namespace meros::image {

// Reads all of it; the lock's is left empty.
InputDigests digests_of(const RootfsSpec& spec, const MachineKeys& keys);

}  // namespace meros::image
