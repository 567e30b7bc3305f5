// An archive of just the packages of a set, so that apt(8) has no other choice.
#pragma once

#include <filesystem>
#include <string>

#include "image/package_set.h"

namespace meros::image {

struct RepositoryRequest {
  std::filesystem::path archives;   // image/archives.h: every package of the set is there
  std::filesystem::path directory;  // made; the files in it are links of those in `archives`
  PackageSet set;
  std::string suite;  // what its Release file says
  std::string arch;   // "amd64"
};
// A flat repository without a signature: "deb [trusted=yes] file:DIRECTORY ./". In a worker; needs dpkg-deb.
void make_repository(const RepositoryRequest& request);

// The line of sources.list for one, with the path as an URL has it.
std::string source_line(const std::string& scheme, const std::filesystem::path& directory);

// The same name for the same file, by hard link, or by a copy where the file system has none.
void link_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace meros::image
