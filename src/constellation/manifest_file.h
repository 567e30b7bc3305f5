// Where constellations are, and their manifests read from there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "constellation/manifest.h"

namespace meros::constellation {

struct Place {
  std::string name;                 // the directory's; may not be a valid name where a path was given (check_name)
  std::filesystem::path directory;  // absolute
  std::filesystem::path manifest;   // as it is best shown: relative where `target` was
};

// `target`: a name in ./constellations, or the path of a directory with a manifest.yml, or of a manifest file; empty:
// the working directory itself. NotFoundError "no such constellation 'labb'" with the nearest name.
Place find_constellation(const std::string& target);

// The manifest of `place`, with the process's environment and the directory's .env. Warnings go to `reporter`.
// ManifestError for what is wrong in it; NotFoundError when it went away meanwhile.
Manifest load_manifest(const Place& place, Reporter& reporter);
// The same without throwing for what is wrong in it.
ParseResult read_manifest(const Place& place);

}  // namespace meros::constellation
