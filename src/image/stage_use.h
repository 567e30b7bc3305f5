// The stage "used": an image that somebody brings becomes that of a machine, in a worker (image/worker.h).
//
// It is cloned; the clone is grown, its root found, mounted and customised. By the quick way (image/exported_disk.h)
// for ext2, ext3 and ext4, else by libguestfs (image/appliance.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"

namespace meros::image {

struct UseInputs {
  RootfsSpec spec;
  // The user is named after the system's ID of os-release(5), where the machine's distribution does not say it.
  bool login_by_system = false;
  MachineKeys keys;
  std::filesystem::path source;     // what the user named
  std::uint64_t bytes = 0;          // the disk is to have at least so many; 0: as many as it has
  std::filesystem::path work;       // an absent directory
  std::filesystem::path image;      // what is made
  std::filesystem::path kernel;     // made too, where the image is a bare file system with a kernel in it
  std::filesystem::path initrd;     //
  std::filesystem::path appliance;  // where libguestfs keeps what it makes
};

struct Used {
  std::uint64_t bytes = 0;   // the disk as the guest sees it
  std::string root_device;   // "/dev/vda1"
  bool has_kernel = false;   // UseInputs::kernel was made
  bool has_initrd = false;   //
  bool is_bare = false;      // a file system without a partition table: nothing in it boots by itself
  std::string user;          //
  std::string distribution;  // ID of os-release(5)
  std::string release;       // its VERSION_CODENAME, else VERSION_ID
  std::string way;           // "fuse2fs" or "libguestfs"
};

nlohmann::json to_json(const UseInputs& inputs);
Used used_from(const nlohmann::json& json);
// For run_stage.
nlohmann::json use_image(const nlohmann::json& inputs);

}  // namespace meros::image
