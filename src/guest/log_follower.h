// The log of a machine as a stream, while the machine runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros::guest {

struct FollowOptions {
  std::optional<std::size_t> lines;      // begins with so many of the last lines; nothing: with all that is left
  std::optional<std::int64_t> since_ms;  // passes over lines that were written before
  bool follow = false;
  int output = -1;  // the sink's descriptor: following ends when its reader went away
};
// Hands the log `name` in the volume to `sink`, piece by piece. With `follow` it goes on until the machine stops or is
// deleted; for one that was never started it waits for that first. `sink` returns false when it has had enough.
void follow_log(const Fd& volume, const std::string& name, const FollowOptions& options,
                const std::function<bool(std::string_view)>& sink);

}  // namespace meros::guest
