// What makes the machine itself: its names, user, keys and disks, then the constellation's includes and hooks.
#include "image/customise_root.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
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

HomeOwner make_user(const Room& room, const RootTree& root, const std::string& user) {
  if (!find_user(root, user))
    // No password fits '*', and the account is not locked: a key opens it.
    run_step(room, {"useradd", "--create-home", "--user-group", "--shell", "/bin/bash", "--groups", "sudo",
                    "--password", "*", user});
  const auto made = find_user(root, user);
  if (!made) throw Error(fmt::format("useradd made no user '{}'", user));
  return *made;
}

// Their paths in /etc/systemd are the same for systemctl and for us.
void enable_units(const Room& room) {
  std::vector<std::string> argv = {"systemctl", "--quiet", "enable"};
  const auto& units = enabled_units();
  argv.insert(argv.end(), units.begin(), units.end());
  run_step(room, argv);
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
  return {"MEROS_CONSTELLATION=" + spec.constellation, "MEROS_VM=" + spec.machine,
          fmt::format("MEROS_DISTRIBUTION={}", to_string(spec.distribution)), "MEROS_RELEASE=" + spec.release,
          fmt::format("MEROS_ARCH={}", to_string(spec.arch))};
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

void customise_root(const RootfsSpec& spec, const MachineKeys& keys, const fs::path& path,
                    const std::optional<HookCopies>& copies) {
  Room room{path, spec.host_name(), hook_environment(spec), {}};
  RootTree root(path);
  write(root, system_files(spec));
  set_time_zone(root);
  const HomeOwner owner = make_user(room, root, spec.user());
  enable_units(room);
  give_keys(root, spec, keys, owner);
  make_mount_points(root, spec);
  for (const auto& directory : spec.includes) copy_tree(directory, root, owner);
  for (const auto& directory : spec.hooks) run_hooks(room, directory, copies);
  give_keys(root, spec, keys, owner);
}

}  // namespace meros::image
