// Programs of another architecture than the host's: the kernel runs them by an emulator that is registered with
// binfmt_misc (Documentation/admin-guide/binfmt-misc.rst of Linux).
#pragma once

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "vmm/spec.h"

namespace meros::image {

// Why programs of that architecture do not run here, with the way out in the hint; nothing where they do. The emulator
// must be opened when it is registered ("F"): in an image's root there is none. `binfmt`: where binfmt_misc is mounted.
std::optional<Error> why_not_runnable(vmm::Arch arch, const std::filesystem::path& binfmt = "/proc/sys/fs/binfmt_misc");

// Throws that as HostError.
void require_runnable(vmm::Arch arch);

}  // namespace meros::image
