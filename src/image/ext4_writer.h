// A directory tree as an ext4 file system that is the same each time: entries in name order, every time set, nothing of
// the host in it. Without mounting anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace meros::image {

struct Ext4Request {
  std::filesystem::path tree;    // as it is to be seen: owners, modes, links, hard links, devices
  std::filesystem::path image;   // a raw image, made anew
  std::uint64_t free_bytes = 0;  // what is to be left for use
  std::string seed;              // 64 hexadecimal digits: the UUID and the seed of directory hashes are made from it
  // Files that are newer get this time, and so do all directories and the file system itself. Seconds since 1970.
  std::int64_t newest = 0;
  // Whether the entry with this path ("/var/log/apt") goes into the image; a directory that does not takes its content
  // with it.
  std::function<bool(const std::string& path)> wanted;
};

struct Ext4Result {
  std::uint64_t bytes = 0;  // of the file system
  std::uint64_t files = 0;
};

// Error with the path where a file cannot be read or the file system refuses something; what was written is then not to
// be used. Needs mke2fs (HostError).
Ext4Result write_ext4(const Ext4Request& request);

// "01234567-89ab-…": a UUID of version 8 (RFC 9562) from hexadecimal digits.
std::string uuid_of(const std::string& digits);

}  // namespace meros::image
