// Manifests and surroundings for the tests of what follows from a manifest.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "constellation/manifest.h"
#include "constellation/wanted.h"

namespace meros::constellation {

// Of the constellation 'lab'; InvalidError with all that is wrong in it.
inline Manifest parsed(const std::string& text) {
  Environment environment;
  environment.constellation = "lab";
  auto result = parse_manifest(text, "manifest.yml", environment);
  std::string problems;
  for (const auto& diagnostic : result.diagnostics) problems += diagnostic.render();
  if (!result.manifest) throw InvalidError(problems);
  return *std::move(result.manifest);
}

// A home in /srv/data where nothing was ever built.
inline Surroundings bare_surroundings() {
  Surroundings surroundings;
  surroundings.home.data_dir = "/srv/data";
  surroundings.home.volumes_dir = "/srv/data/volumes";
  surroundings.home.images_dir = "/srv/data/disks";
  surroundings.vmm_user = [](const std::filesystem::path&) { return uid_t{4711}; };
  return surroundings;
}

}  // namespace meros::constellation
