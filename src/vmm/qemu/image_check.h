// A look at the first bytes of what a machine boots and mounts, before QEMU gets it: QEMU itself would open whatever
// other file a qcow2 header names, and would run a kernel that is none.
#pragma once

#include "base/fd.h"
#include "vmm/spec.h"

namespace meros::vmm::qemu {

// What of another file an image's own header may name.
enum class Backing { none, configured };

// InvalidError where `file` is no qcow2 image, keeps its data in another file, or names a backing file where the
// machine has none configured. `path` is for the message.
void check_qcow2(const Fd& file, const std::string& path, Backing backing);

// InvalidError where `file` has the magic of no kernel that QEMU loads on that architecture.
void check_kernel(const Fd& file, const std::string& path, Arch arch);

}  // namespace meros::vmm::qemu
