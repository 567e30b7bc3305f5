// What a manifest asks of the host, in the terms of the layers below. Pure.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "constellation/manifest.h"
#include "machine/home.h"
#include "machine/lifecycle.h"
#include "network/ipam.h"
#include "network/spec.h"

namespace meros::constellation {

// The image of one machine, as it was found in data/disks.
struct ImageFacts {
  std::optional<std::string> rootfs;  // none: there is no image
  std::string stamp;                  // tells one build from another
  std::optional<std::string> kernel;  // what was built with it
  std::optional<std::string> initrd;
  std::string root_device = "/dev/vda";
  bool boots_itself = false;  // by its own boot loader, which firmware starts
};

// A disk that is a file in data/disks.
struct ImageFile {
  std::string path;
  std::uint64_t bytes = 0;  // of one that is made
  vmm::DiskFormat format = vmm::DiskFormat::raw;
};

struct WantedMachine {
  std::string name;
  // The fields of the manifest by which a change is seen, and "image": the stamp of the image its disk was made from.
  // Kept in the machine's config (machine::Config::origin).
  nlohmann::json fields;
  machine::CreateRequest request;
  std::vector<ImageFile> image_files;  // made where they are absent
  std::vector<std::string> depends_on;
  Ready ready;
  bool must_be_built = false;  // its image is built here, and is not there
};

struct Wanted {
  std::string constellation;
  network::NetworkSpec network;
  std::vector<WantedMachine> machines;  // in the order of the manifest
  const WantedMachine* find(std::string_view name) const;
};

struct Surroundings {
  machine::Home home;
  std::map<std::string, ImageFacts, std::less<>> images;  // by machine
  network::Addresses remembered;                          // by machine and bridge, from former runs
  // The user that the VMM of a machine runs as.
  std::function<uid_t(const std::filesystem::path& volume)> vmm_user;
};

// InvalidError where the manifest cannot be had on this host (no address left, say).
Wanted want(const Manifest& manifest, const Surroundings& surroundings);

// A machine's MAC as the seed made it: 02 and the first five bytes of md5(label).
std::string mac_of_label(std::string_view label);

}  // namespace meros::constellation
