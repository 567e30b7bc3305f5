#include "constellation/found.h"

#include <unistd.h>

#include "constellation/build_specs.h"
#include "image/built.h"
#include "machine/disks.h"
#include "machine/vmm_user.h"
#include "network/holder.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

std::optional<std::string> existing(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) ? std::optional(path.string()) : std::nullopt;
}

ImageFacts image_of(const fs::path& disks, const std::string& constellation, const Machine& machine) {
  const std::string stem = constellation + "-" + machine.name;
  ImageFacts facts;
  // What Firecracker reads comes first only where it is asked for: QEMU reads both.
  const bool raw_first = driver_of(machine).name == "firecracker";
  for (const auto* extension : {raw_first ? ".ext4" : ".qcow2", raw_first ? ".qcow2" : ".ext4"}) {
    facts.rootfs = existing(disks / (stem + extension));
    if (facts.rootfs) break;
  }
  const auto built = image::read_built(disks, constellation, machine.name);
  if (built && existing(disks / built->rootfs)) facts.rootfs = (disks / built->rootfs).string();
  if (!facts.rootfs) return facts;
  facts.stamp = machine::file_stamp(*facts.rootfs);
  // What somebody else put there under the same name boots as its owner says.
  if (!built || built->stamp != facts.stamp) return facts;
  facts.stamp = built->stages.packed;
  if (built->kernel) facts.kernel = existing(disks / *built->kernel);
  if (built->initrd) facts.initrd = existing(disks / *built->initrd);
  facts.root_device = built->root_device;
  facts.boots_itself = built->boots_itself;
  return facts;
}

uid_t vmm_user(const fs::path& volume) { return ::geteuid() == 0 ? machine::choose_vmm_uid(volume) : ::geteuid(); }

}  // namespace

Found find(const machine::Home& home, const std::string& constellation) {
  Found found;
  for (const auto& id : machine::list_machines(home)) {
    if (id.constellation != constellation) continue;
    const auto status = machine::status_of(home, id);
    FoundMachine machine;
    machine.state = status.state;
    if (status.config) machine.origin = status.config->origin;
    found.machines.emplace(id.name, std::move(machine));
  }
  found.network = network::recorded_network(home.network_dir(constellation));
  found.network_is_up = found.network && network::Holder::find(home.network_dir(constellation)).has_value();
  return found;
}

Surroundings look_around(const machine::Home& home, const Manifest& manifest) {
  Surroundings surroundings;
  surroundings.home = home;
  for (const auto& machine : manifest.machines)
    surroundings.images.emplace(machine.name, image_of(home.images_dir, manifest.constellation, machine));
  if (const auto recorded = network::recorded_network(home.network_dir(manifest.constellation)))
    surroundings.remembered = network::addresses_of_ports(*recorded);
  surroundings.vmm_user = vmm_user;
  return surroundings;
}

}  // namespace meros::constellation
