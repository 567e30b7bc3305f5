// data/cache/archives: the files of packages, each called by its SHA-256, kept from one build to the next.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/report.h"
#include "image/package_set.h"

namespace meros::image {

// Where the file of a package is or would be.
std::filesystem::path archive_file(const std::filesystem::path& archives, const Package& package);

// Packages that are to be had nowhere; the message names each with the reason.
class MissingPackages : public NotFoundError {
  using NotFoundError::NotFoundError;
};

struct ArchiveRequest {
  std::filesystem::path archives;  // made where it is absent
  PackageSet set = {};
  std::vector<std::string> bases = {};  // of mirrors, "http://mirror/debian": asked where the package's own URL fails
  bool bases_first = false;             // they are asked first
};
// Fetches what is not there or has another content by now, several at once. MissingPackages where that fails.
void fetch(const ArchiveRequest& request, Reporter& reporter);

// The URLs that a package is asked at, in this order. Pure.
std::vector<std::string> urls_of(const Package& package, const std::vector<std::string>& bases, bool bases_first);

}  // namespace meros::image
