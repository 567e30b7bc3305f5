// A system becomes the machine of a spec: names, disks, network, user and keys, then includes and hooks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"

namespace meros::image {

// `built`: by the stages before; `brought`: from an image that somebody else made, whose own ways are kept where they
// can be.
enum class Origin { built, brought };

// Hooks may keep the times of the files beside them (cp -p), and these are those of a checkout. With this they see a
// copy of their directory, made here, in which all has one time.
struct HookCopies {
  std::filesystem::path place;  // an absent directory, which is gone afterwards
  std::int64_t time;            // seconds since 1970
};

// `root`: a mount point with the system in it. Only a worker (image/worker.h) can. Error names the hook or tool that
// fails; what it printed is in the log.
void customise_root(const RootfsSpec& spec, const MachineKeys& keys, const std::filesystem::path& root, Origin origin,
                    const std::optional<HookCopies>& copies = std::nullopt);

}  // namespace meros::image
