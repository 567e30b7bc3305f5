// A directory tree as one hash: names, kinds, modes and contents; neither times nor the order of the directory.
#pragma once

#include <filesystem>
#include <string>

namespace meros::image {

// 64 hexadecimal digits; "" where the directory does not exist. Links are read, never followed. InvalidError for a
// socket, and for a directory that is none.
std::string tree_digest(const std::filesystem::path& directory);

}  // namespace meros::image
