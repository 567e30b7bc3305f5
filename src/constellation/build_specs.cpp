#include "constellation/build_specs.h"

#include "base/error.h"
#include "vmm/driver.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

image::Distribution distribution_of(const Machine& machine) {
  switch (machine.distribution) {
    case Distribution::debian:
      return image::Distribution::debian;
    case Distribution::ubuntu:
      return image::Distribution::ubuntu;
    case Distribution::alpine:
      return image::Distribution::alpine;
    case Distribution::none:
      break;
  }
  throw InvalidError("machine '" + machine.name + "' has no distribution to build");
}

// As machine::create will find it, where the machine is built first.
std::string what_needs_qemu(const Machine& machine) {
  if (machine.kernel.from == Kernel::From::firmware) return "firmware boot";
  if (!machine.cdroms.empty()) return "cdrom";
  if (machine.display) return "a display";
  if (!machine.qemu_args.empty()) return "qemu_args";
  for (const auto& disk : machine.disks)
    if (!disk.is_root && disk.fs_type == FileSystem::qcow2) return "qcow2 disks";
  return {};
}

std::vector<image::MountedDisk> mounted_disks(const Machine& machine) {
  std::vector<image::MountedDisk> disks;
  for (const auto& disk : machine.disks)
    if (!disk.is_root && !disk.is_image_file() && !disk.mount_point.empty())
      disks.push_back({disk.label, std::string(to_string(disk.fs_type)), disk.mount_point});
  return disks;
}

// All but the distribution.
image::RootfsSpec spec_of(const Manifest& manifest, const Machine& machine, const fs::path& directory,
                          const fs::path& root) {
  image::RootfsSpec spec;
  spec.constellation = manifest.constellation;
  spec.machine = machine.name;
  spec.release = machine.release;
  spec.arch = machine.arch;
  spec.packages = machine.packages;
  spec.mirrors = machine.mirrors;
  if (!machine.keyring.empty()) spec.keyring = root / machine.keyring;  // an absolute one stays as it is
  spec.disks = mounted_disks(machine);
  spec.build_free_mb = machine.build_free_mb;
  std::vector<fs::path> places = {directory / "common", directory / machine.group};
  if (machine.name != machine.group) places.push_back(directory / machine.name);
  for (const auto& place : places) {
    spec.includes.push_back(place / "includes.chroot");
    spec.hooks.push_back(place / "hooks");
  }
  const std::string driver = driver_of(machine).name;
  spec.format = vmm::driver_named(driver).capabilities().qcow2 ? image::ImageFormat::qcow2 : image::ImageFormat::raw;
  spec.kernel = machine.kernel.from == Kernel::From::image;
  return spec;
}

}  // namespace

machine::DriverName driver_of(const Machine& machine) {
  return machine::choose_driver_name(machine.driver, machine.arch, what_needs_qemu(machine));
}

image::RootfsSpec build_spec(const Manifest& manifest, const Machine& machine, const fs::path& directory,
                             const fs::path& root) {
  const image::Distribution distribution = distribution_of(machine);
  image::RootfsSpec spec = spec_of(manifest, machine, directory, root);
  spec.distribution = distribution;
  return spec;
}

image::UseRequest use_request(const Manifest& manifest, const Machine& machine, const fs::path& directory,
                              const fs::path& root) {
  image::UseRequest request;
  request.spec = spec_of(manifest, machine, directory, root);
  request.login_by_system = machine.distribution == Distribution::none;
  if (!request.login_by_system) request.spec.distribution = distribution_of(machine);
  for (const auto& disk : machine.disks)
    if (disk.is_root) request.bytes = disk.size_gb << 30;
  return request;
}

}  // namespace meros::constellation
