// What makes the machine itself: its names, user, keys and disks, then the constellation's includes and hooks.
#include "image/customise_root.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "image/alpine_files.h"
#include "image/guest_files.h"
#include "image/room.h"
#include "image/root_tree.h"
#include "image/settled_times.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

void write(RootTree& root, const std::vector<GuestFile>& files) {
  for (const auto& file : files) root.write(file.path, file.content, file.mode);
}

// The user's line in /etc/passwd, "name:password:uid:gid:…:home:shell".
std::optional<HomeOwner> find_user(const RootTree& root, const std::string& user) {
  for (const auto& line : split(root.read("/etc/passwd"), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 7 || fields[0] != user) continue;
    const auto uid = parse_unsigned(fields[2]);
    const auto gid = parse_unsigned(fields[3]);
    if (uid && gid) return HomeOwner{fields[5], static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)};
  }
  return std::nullopt;
}

// The first of them that the system has; none: "".
std::string first_group(const RootTree& root, const std::vector<std::string>& names) {
  const std::string groups = "\n" + root.read("/etc/group");
  for (const auto& name : names)
    if (groups.find("\n" + name + ":") != std::string::npos) return name;
  return "";
}

// Where there is no useradd (busybox has none).
void add_account(RootTree& root, const std::string& user) {
  const Accounts accounts =
      with_user({root.read("/etc/passwd"), root.read("/etc/shadow"), root.read("/etc/group")}, user);
  root.write("/etc/passwd", accounts.passwd);
  root.write("/etc/shadow", accounts.shadow, 0640);
  root.write("/etc/group", accounts.group);
  const auto made = find_user(root, user);
  if (!made) throw Error(fmt::format("there is no user '{}'", user));
  root.make_directory(made->home);
  root.set_owner(made->home, made->user, made->group);
}

void add_user(const Room& room, RootTree& root, const std::string& user) {
  if (!root.exists("/usr/sbin/useradd")) return add_account(root, user);
  const std::string group = first_group(root, {"sudo", "wheel"});
  // No password fits '*', and the account is not locked: a key opens it.
  std::vector<std::string> argv = {"useradd", "--create-home", "--user-group", "--password", "*", "--shell"};
  argv.emplace_back(root.exists("/bin/bash") ? "/bin/bash" : "/bin/sh");
  if (!group.empty()) argv.insert(argv.end(), {"--groups", group});
  argv.push_back(user);
  run_step(room, argv);
}

HomeOwner make_user(const Room& room, RootTree& root, const std::string& user) {
  if (!find_user(root, user)) add_user(room, root, user);
  const auto made = find_user(root, user);
  if (!made) throw Error(fmt::format("useradd made no user '{}'", user));
  return *made;
}

// Their paths in /etc/systemd are the same for systemctl and for us.
void enable_units(const Room& room, const std::vector<std::string>& units) {
  std::vector<std::string> argv = {"systemctl", "--quiet", "enable"};
  argv.insert(argv.end(), units.begin(), units.end());
  run_step(room, argv);
}

// Of OpenRC.
void enable_services(RootTree& root) {
  for (const auto& link : alpine_runlevels())
    if (root.exists(link.target)) root.link(link.path, link.target);
}

bool has_unit(const RootTree& root, const std::string& unit) {
  return root.exists("/usr/lib/systemd/system/" + unit) || root.exists("/lib/systemd/system/" + unit);
}

SystemFacts look_at(const RootTree& root) {
  SystemFacts system;
  system.fstab = root.read("/etc/fstab");
  system.networkd = has_unit(root, "systemd-networkd.service") && !has_unit(root, "NetworkManager.service");
  system.resolved = has_unit(root, "systemd-resolved.service");
  system.cloud_init = root.exists("/etc/cloud");
  return system;
}

// Its firmware starts it, so that nobody tells its kernel of a console: the login is asked for by name.
std::vector<std::string> units_of(const RootTree& root, const RootfsSpec& spec, const SystemFacts& system) {
  std::vector<std::string> units;
  if (system.networkd) units.push_back("systemd-networkd.service");
  if (system.networkd && !system.resolved)
    units.insert(units.end(), {"meros-resolv.path", "meros-resolv.service", "meros-resolv-online.service"});
  for (const auto* name : {"ssh.service", "sshd.service"})
    if (has_unit(root, name)) {
      units.emplace_back(name);
      break;
    }
  if (has_unit(root, "serial-getty@.service"))
    units.emplace_back(spec.arch == vmm::Arch::x86_64 ? "serial-getty@ttyS0.service" : "serial-getty@ttyAMA0.service");
  return units;
}

void settle_brought(RootTree& root, const Room& room, const RootfsSpec& spec) {
  const SystemFacts system = look_at(root);
  write(root, system_files(spec, system));
  root.remove("/var/lib/dbus/machine-id");
  if (system.networkd && !system.resolved) root.link("/etc/resolv.conf", resolv_conf_target);
  if (const auto units = units_of(root, spec, system); !units.empty()) enable_units(room, units);
  if (root.exists("/etc/runlevels")) enable_services(root);
}

void settle_alpine(RootTree& root, const RootfsSpec& spec) {
  write(root, alpine_files(spec));
  enable_services(root);
  add_account(root, spec.user());
}

void settle_built(RootTree& root, const Room& room, const RootfsSpec& spec) {
  if (spec.distribution == Distribution::alpine) return settle_alpine(root, spec);
  write(root, system_files(spec));
  enable_units(room, enabled_units());
}

void give_keys(RootTree& root, const RootfsSpec& spec, const MachineKeys& keys, const HomeOwner& owner) {
  write(root, key_files(spec, keys));
  const std::string directory = owner.home + "/.ssh";
  root.make_directory(directory, 0700);
  root.write(directory + "/authorized_keys", keys.user_public, 0600);
  for (const auto& path : {directory, directory + "/authorized_keys"}) root.set_owner(path, owner.user, owner.group);
}

void set_time_zone(RootTree& root) {
  if (root.exists("/usr/share/zoneinfo/Etc/UTC")) root.link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
}

std::vector<std::string> hook_environment(const RootfsSpec& spec) {
  return {"MEROS_CONSTELLATION=" + spec.constellation, "MEROS_VM=" + spec.machine, "MEROS_DISTRIBUTION=" + spec.user(),
          "MEROS_RELEASE=" + spec.release, fmt::format("MEROS_ARCH={}", to_string(spec.arch))};
}

std::vector<std::string> hooks_in(const fs::path& directory) {
  std::vector<std::string> names;
  if (!fs::is_directory(directory)) return names;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".chroot" && fs::is_regular_file(entry.path()))
      names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

void run_hook(const Room& room, const fs::path& hook) {
  const std::string path = "/tmp/src/hooks/" + hook.filename().string();
  log_line(fmt::format("hook {}", hook.string()));
  std::vector<std::string> argv = {path};
  if (::access(hook.c_str(), X_OK) != 0) argv = {"/bin/sh", path};
  const ExitStatus status = run_in(room, argv);
  if (!status.success()) throw Error(fmt::format("the hook '{}' ended with {}", hook.string(), status.describe()));
}

void run_hooks(Room& room, const fs::path& directory, const std::optional<HookCopies>& copies) {
  const auto names = hooks_in(directory);
  if (names.empty()) return;
  room.hooks = directory;
  if (copies) {
    room.hooks = copies->place;
    fs::create_directory(room.hooks);
    RootTree copy(room.hooks);
    copy_tree(directory, copy, std::nullopt);
    set_times(room.hooks, copies->time);
  }
  for (const auto& name : names) run_hook(room, directory / name);
  if (copies) fs::remove_all(copies->place);
}

void make_mount_points(RootTree& root, const RootfsSpec& spec) {
  for (const auto& disk : spec.disks) root.make_directory(disk.mount_point);
}

}  // namespace

void customise_root(const RootfsSpec& spec, const MachineKeys& keys, const fs::path& path, Origin origin,
                    const std::optional<HookCopies>& copies) {
  Room room{path, spec.host_name(), hook_environment(spec), {}};
  RootTree root(path);
  if (origin == Origin::built)
    settle_built(root, room, spec);
  else
    settle_brought(root, room, spec);
  set_time_zone(root);
  const HomeOwner owner = make_user(room, root, spec.user());
  give_keys(root, spec, keys, owner);
  make_mount_points(root, spec);
  for (const auto& directory : spec.includes) copy_tree(directory, root, owner);
  for (const auto& directory : spec.hooks) run_hooks(room, directory, copies);
  give_keys(root, spec, keys, owner);
}

}  // namespace meros::image
