#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/addressing.h"
#include "machine/choices.h"
#include "machine/default_network.h"
#include "machine/disks.h"
#include "machine/events.h"
#include "machine/kernel_args.h"
#include "machine/lifecycle.h"
#include "machine/new_volume.h"
#include "machine/state.h"
#include "machine/verb_lock.h"
#include "machine/vmlinux.h"
#include "machine/vmm_user.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

struct Templates {
  std::optional<fs::path> kernel;  // none: firmware boots a disk
  std::optional<fs::path> initrd;
  std::optional<fs::path> rootfs;
};

std::optional<fs::path> first_existing(const fs::path& directory, const std::vector<std::string>& files) {
  for (const auto& file : files)
    if (fs::exists(directory / file)) return directory / file;
  return std::nullopt;
}

fs::path existing(const std::string& given, const char* what) {
  const fs::path path = fs::absolute(given).lexically_normal();
  if (!fs::exists(path))
    throw NotFoundError(fmt::format("{} '{}' does not exist", what, path.string()), "check the path");
  if (!fs::is_regular_file(path)) throw InvalidError(fmt::format("{} '{}' is not a regular file", what, path.string()));
  return path;
}

[[noreturn]] void no_template(const Home& home, const char* what, const char* file, const char* option) {
  const char* program = home.face == Face::mergenc ? "mergenc" : "meros";
  throw NotFoundError(fmt::format("there is no template {} '{}'", what, (home.images_dir / file).string()),
                      fmt::format("fetch it with '{} image fetch', or pass {}", program, option));
}

Templates find_templates(const Home& home, const CreateRequest& request) {
  Templates found;
  if (request.firmware) {
    if (request.rootfs) found.rootfs = existing(*request.rootfs, "root file system");
    return found;
  }
  if (request.kernel) {
    found.kernel = existing(*request.kernel, "kernel");
  } else {
    const auto kernel = first_existing(home.images_dir, {"vmlinux.bin", "vmlinux", "bzImage"});
    if (!kernel) no_template(home, "kernel", "vmlinux.bin", "--kernel");
    found.kernel = kernel;
  }
  if (request.initrd) found.initrd = existing(*request.initrd, "initrd");
  if (request.rootfs) {
    found.rootfs = existing(*request.rootfs, "root file system");
    return found;
  }
  // Who brings a kernel of their own without a root may mean a guest that has none.
  if (request.initrd || (request.kernel && home.face == Face::meros)) return found;
  found.rootfs = first_existing(home.images_dir, {"rootfs.ext4"});
  if (!found.rootfs) no_template(home, "root file system", "rootfs.ext4", "--rootfs");
  return found;
}

std::vector<DiskConfig> disks_in_place(const CreateRequest& request) {
  std::vector<DiskConfig> disks;
  for (const auto& given : request.disks) {
    DiskConfig disk;
    disk.path = existing(given, "disk").string();
    disk.format = inspect_image(disk.path).format;
    disks.push_back(std::move(disk));
  }
  return disks;
}

std::string what_needs_qemu(const CreateRequest& request, const Templates& templates) {
  if (request.firmware) return "firmware boot";
  if (!request.cdroms.empty()) return "cdrom";
  if (request.display) return "a display";
  if (!request.qemu_args.empty()) return "qemu_args";
  if (templates.rootfs && inspect_image(*templates.rootfs).format == vmm::DiskFormat::qcow2) return "qcow2 disks";
  for (const auto& disk : disks_in_place(request))
    if (disk.format == vmm::DiskFormat::qcow2) return "qcow2 disks";
  return {};
}

bool joins_default(const CreateRequest& request) {
  return request.network && !request.bridge && request.network_name.empty();
}

// Everything that can be refused without touching the disk.
Config describe(const Home& home, const CreateRequest& request, const Templates& templates) {
  Config config;
  config.name = request.name;
  config.volume = volume_of(home, {request.constellation, request.name});
  config.created_at = format_time(now_milliseconds());
  config.arch = request.arch.empty() ? vmm::host_arch() : vmm::parse_arch(request.arch);
  const DriverChoice choice =
      choose_driver(request.driver, config.arch, request.binary, what_needs_qemu(request, templates));
  config.driver = choice.driver->name();
  config.binary = choice.binary;
  vmm::parse_accel(request.accel);
  config.accel = request.accel;
  config.cpu_count = request.cpus;
  config.memory_mb = request.memory_mib;
  config.restart = parse_restart_policy(request.restart);
  config.disks = disks_in_place(request);
  if (templates.kernel) {
    config.virtio_mmio_cmdline = kernel_has_virtio_mmio_cmdline(*templates.kernel);
    config.kernel = home.face == Face::mergenc ? "vmlinux.bin" : "kernel";
  }
  config.network = choose_network(home, request);
  config.network_name = joins_default(request) ? default_network_name : request.network_name;
  config.nics = request.nics;
  config.firmware = request.firmware.value_or(vmm::Firmware::none);
  for (const auto& cdrom : request.cdroms) config.cdroms.push_back(existing(cdrom, "cdrom").string());
  config.display = request.display;
  config.qemu_args = request.qemu_args;
  config.origin = request.origin;
  if (templates.initrd) config.initrd = "initrd";
  config.owner = {home.data_dir.string(), request.constellation, ::geteuid()};
  if (::geteuid() == 0) config.vmm_uid = choose_vmm_uid(config.volume);

  KernelArgs args;
  args.face = home.face;
  args.firecracker_devices = !choice.driver->capabilities().firmware;
  args.arch = config.arch;
  args.initrd = templates.initrd.has_value();
  args.root_disk = templates.rootfs.has_value();
  args.read_only = request.read_only;
  args.network = config.network;
  args.append = request.append;
  args.root_device = request.root_device;
  if (!request.firmware) config.kernel_args = kernel_command_line(args);
  return config;
}

// As the driver would refuse it at start: now, where nothing is made yet.
void validate(const Config& config, const Templates& templates, bool read_only) {
  const vmm::Driver& driver = vmm::driver_named(config.driver);
  Config probe = config;
  if (templates.rootfs) {
    probe.root = DiskConfig{};
    probe.root->path = "rootfs";
    probe.root->read_only = read_only;
    probe.root->format = driver.capabilities().qcow2 ? vmm::DiskFormat::qcow2 : inspect_image(*templates.rootfs).format;
  }
  driver.validate(to_spec(probe, accel_of(config, vmm::probe_kvm())));
}

void make_disks(const fs::path& directory, const CreateRequest& request, const Templates& templates, Config& config) {
  RootDiskOptions options;
  options.overlay = vmm::driver_named(config.driver).capabilities().qcow2;
  options.read_only = request.read_only;
  options.keep_image = request.keep_image;
  options.bytes = request.root_bytes;
  if (templates.rootfs) config.root = make_root_disk(directory, *templates.rootfs, options);
  for (const auto& disk : request.new_disks) config.disks.push_back(make_data_disk(directory, disk));
}

void copy_kernel(const fs::path& from, const fs::path& to, const Config& config) {
  if (vmm::driver_named(config.driver).capabilities().elf_kernel)
    copy_elf_kernel(from, to);
  else
    clone_file(from, to, 0644);
}

void fill(const fs::path& directory, const CreateRequest& request, const Templates& templates, Config& config) {
  if (templates.kernel) copy_kernel(*templates.kernel, directory / config.kernel, config);
  if (templates.initrd) clone_file(*templates.initrd, directory / *config.initrd, 0644);
  make_disks(directory, request, templates, config);
  const Fd volume = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (config.root) give_to_vmm(volume, config.root->path, vmm_uid_of(config));
  for (const auto& disk : config.disks)
    if (fs::path(disk.path).is_relative()) give_to_vmm(volume, disk.path, vmm_uid_of(config));
  make_run_directory(volume, vmm_uid_of(config));
  replace_file(directory / names::config, to_json(config).dump(2) + "\n");
}

// The disks that the volume has already stay as they are; one that is new is made. One that is not wanted any more is
// left in the volume, for nobody asked to delete what is on it.
void keep_disks(const CreateRequest& request, const Config& former, Config& config) {
  for (const auto& disk : request.new_disks) {
    const std::string path = "disk-" + disk.label + ".raw";
    const auto known = std::ranges::find(former.disks, path, &DiskConfig::path);
    if (known != former.disks.end())
      config.disks.push_back(*known);
    else if (fs::exists(config.volume / path))
      config.disks.push_back(former_data_disk(disk));
    else
      config.disks.push_back(make_data_disk(config.volume, disk));
  }
  const Fd volume = open_file(config.volume, O_RDONLY | O_DIRECTORY);
  for (const auto& disk : config.disks)
    if (fs::path(disk.path).is_relative()) give_to_vmm(volume, disk.path, vmm_uid_of(config));
}

// Under a hidden name first: a verb that is killed half way leaves the former kernel.
template <typename Copy>
void exchange_file(const fs::path& to, Copy copy_as) {
  fs::path fresh = to;
  fresh.replace_filename("." + to.filename().string() + ".new");
  fs::remove(fresh);
  copy_as(fresh);
  fs::rename(fresh, to);
}

void exchange_boot_files(const Templates& templates, const Config& former, const Config& config) {
  if (templates.kernel)
    exchange_file(config.volume / config.kernel,
                  [&](const fs::path& fresh) { copy_kernel(*templates.kernel, fresh, config); });
  if (templates.initrd)
    exchange_file(config.volume / *config.initrd,
                  [&](const fs::path& fresh) { clone_file(*templates.initrd, fresh, 0644); });
  if (former.initrd && !config.initrd) fs::remove(config.volume / *former.initrd);
}

}  // namespace

Config create(const Home& home, const CreateRequest& request, const VerbOptions& options) {
  check_name(request.name, "machine name");
  if (!request.constellation.empty()) check_name(request.constellation, "constellation name");
  const MachineId id{request.constellation, request.name};
  try {
    const Templates templates = find_templates(home, request);
    Config config = describe(home, request, templates);
    validate(config, templates, request.read_only);

    // Nothing was made so far, not even a lock file: a bad request leaves no trace.
    const auto lock = lock_verb(home, id, options);
    std::optional<FileLock> addresses;
    if (config.network) {
      addresses = lock_addresses(home, options);
      require_network_free(home, id, *config.network);
    } else if (joins_default(request)) {
      addresses = lock_addresses(home, options);
      config.nics = {join_default_network(home, request)};
    }
    if (fs::exists(config.volume))
      throw BusyError(fmt::format("it exists already ('{}')", config.volume.string()),
                      "choose another name, or delete it first");
    NewVolume volume(home, id);
    fill(volume.path(), request, templates, config);
    record_event(volume.path(), "created", config.driver);
    volume.commit(config.volume);
    try {
      ensure_tap(config);
    } catch (...) {
      discard_volume(home, id);
      throw;
    }
    return config;
  } catch (Error& e) {
    e.add_context(fmt::format("cannot create machine '{}'", id.to_string()));
    throw;
  }
}

Config reconfigure(const Home& home, const CreateRequest& request, const VerbOptions& options) {
  const MachineId id{request.constellation, request.name};
  try {
    const Templates templates = find_templates(home, request);
    Config config = describe(home, request, templates);
    validate(config, templates, request.read_only);
    const auto lock = lock_verb(home, id, options);
    const Config former = read_config(config.volume);
    require_owner(former, id, options);
    if (const State state = status_of(home, id).state;
        state != State::stopped && state != State::created && state != State::failed)
      throw BusyError(fmt::format("it is {}", to_string(state)), "stop it first");
    config.created_at = former.created_at;
    config.vmm_uid = former.vmm_uid;
    config.root = former.root;
    if (config.root) config.root->read_only = request.read_only;
    keep_disks(request, former, config);
    exchange_boot_files(templates, former, config);
    replace_file(config.volume / names::config, to_json(config).dump(2) + "\n");
    record_event(config.volume, "reconfigured", config.driver);
    return config;
  } catch (Error& e) {
    e.add_context(fmt::format("cannot change machine '{}'", id.to_string()));
    throw;
  }
}

void set_origin(const Home& home, const MachineId& id, const std::string& origin, const VerbOptions& options) {
  const auto lock = lock_verb(home, id, options);
  Config config = read_config(volume_of(home, id));
  require_owner(config, id, options);
  config.origin = origin;
  replace_file(config.volume / names::config, to_json(config).dump(2) + "\n");
}

}  // namespace meros::machine
