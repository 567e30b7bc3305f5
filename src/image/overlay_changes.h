// What an overlay's upper layer says has changed, in terms that others than overlayfs understand.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace meros::image {

// Paths ("/etc/motd") that are to be removed before the files of `upper` are put in their places: what is gone, and
// what is of another kind now. The marks of what is gone are removed from `upper`. `lower`: the whole as it was.
std::vector<std::string> take_removals(const std::filesystem::path& upper, const std::filesystem::path& lower);

}  // namespace meros::image
