// The times of what a build made, so that they do not tell when it was: one layer on another may be older than it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace meros::image {

// In a layer that was made from `started` on. What has such a time was made by the build; it gets the newest time of
// the layer's other files (those of packages), or `newest_below` where that is newer. Returns that time. Seconds since
// 1970. Directories tell when something was last made in them, and get it, too.
std::int64_t settle_times(const std::filesystem::path& layer, std::int64_t started, std::int64_t newest_below);

// Gives all of a tree one time.
void set_times(const std::filesystem::path& tree, std::int64_t time);

}  // namespace meros::image
