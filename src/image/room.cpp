#include "image/room.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "image/memory_file.h"
#include "image/root_tree.h"
#include "image/worker.h"
#include "image/worker_environment.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr auto own_program = "/proc/self/exe";
constexpr int request_fd = 3;
constexpr auto policy_file = "/usr/sbin/policy-rc.d";
constexpr auto hooks_in_room = "/tmp/src/hooks";
// Where an image's resolv.conf is a link to (image/guest_files.h); /run is the room's own.
constexpr auto resolv_in_room = "/run/meros/resolv.conf";
constexpr std::array devices = {"null", "zero", "full", "random", "urandom", "tty"};

// An image is built with the rights that its builder has without root: none over the host.
constexpr std::array dropped_capabilities = {CAP_SYS_MODULE, CAP_SYS_RAWIO,      CAP_SYS_BOOT,  CAP_SYS_TIME,
                                             CAP_SYSLOG,     CAP_NET_ADMIN,      CAP_MAC_ADMIN, CAP_MAC_OVERRIDE,
                                             CAP_MKNOD,      CAP_SYS_TTY_CONFIG, CAP_WAKE_ALARM};

void mount_at(const Fd& target, const char* source, const char* type, unsigned long flags, const char* data) {
  if (::mount(source, proc_path(target).c_str(), type, flags, data) != 0)
    throw_errno(fmt::format("cannot mount {} in the image", type != nullptr ? type : source));
}

void bind_at(const Fd& target, const std::string& source, unsigned long flags = 0) {
  if (::mount(source.c_str(), proc_path(target).c_str(), nullptr, MS_BIND | flags, nullptr) != 0)
    throw_errno(fmt::format("cannot bind '{}' in the image", source));
}

// With all that is mounted below it. mount_setattr(2), Linux 5.12; syscalls are called by number, for glibc has it not.
void make_read_only(RootTree& root, const std::string& path) {
  struct mount_attr attributes {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  const Fd mounted = root.open(path, O_PATH | O_DIRECTORY);
  if (::syscall(SYS_mount_setattr, mounted.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) !=
      0)
    throw_errno(fmt::format("cannot make '{}' read-only in the image", path));
}

Fd directory_for(RootTree& root, const std::string& path, mode_t mode = 0755) {
  root.make_directory(path, mode);
  return root.open(path, O_PATH | O_DIRECTORY);
}

void make_devices(RootTree& root) {
  mount_at(directory_for(root, "/dev"), "tmpfs", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k");
  for (const char* name : devices) {
    const std::string device = fmt::format("/dev/{}", name);
    root.write(device, "");
    bind_at(root.open(device, O_PATH), device);
  }
  mount_at(directory_for(root, "/dev/pts"), "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
           "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mount_at(directory_for(root, "/dev/shm"), "tmpfs", "tmpfs", MS_NOSUID, "mode=1777");
  root.link("/dev/ptmx", "pts/ptmx");
  root.link("/dev/fd", "/proc/self/fd");
  root.link("/dev/stdin", "/proc/self/fd/0");
  root.link("/dev/stdout", "/proc/self/fd/1");
  root.link("/dev/stderr", "/proc/self/fd/2");
}

void make_proc(RootTree& root) {
  const Fd target = directory_for(root, "/proc");
  if (::mount("proc", proc_path(target).c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0) return;
  // In a container whose own /proc is covered in part, the kernel shows no new one: that one is better than none.
  if (errno != EPERM) throw_errno("cannot mount proc in the image");
  bind_at(target, "/proc", MS_REC);
}

void make_resolver(RootTree& root, const std::string& resolv_conf) {
  root.write(resolv_in_room, resolv_conf);
  const auto type = root.type_of("/etc/resolv.conf");
  // A link that leads there reads ours; a file gives way while we are here.
  if (type && *type == S_IFREG)
    bind_at(root.open("/etc/resolv.conf", O_PATH | O_NOFOLLOW), proc_path(root.open(resolv_in_room, O_PATH)));
}

void furnish(RootTree& root, const Json& request) {
  // Before the host's is out of reach.
  const std::string resolv_conf = read_file_if_exists("/etc/resolv.conf").value_or("");
  make_devices(root);
  make_proc(root);
  bind_at(directory_for(root, "/sys"), "/sys", MS_REC);
  make_read_only(root, "/sys");
  mount_at(directory_for(root, "/tmp", 01777), "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_at(directory_for(root, "/run"), "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  root.make_directory("/run/lock", 01777);
  make_resolver(root, resolv_conf);
  if (const auto hooks = get_or<std::string>(request, "hooks", ""); !hooks.empty()) {
    bind_at(directory_for(root, hooks_in_room), hooks, MS_REC);
    make_read_only(root, hooks_in_room);
  }
}

void enter(const fs::path& path) {
  if (::chdir(path.c_str()) != 0) throw_errno("cannot change to the image's root");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) throw_errno("cannot make the image's root ours");
  if (::umount2(".", MNT_DETACH) != 0) throw_errno("cannot leave the host's root");
  if (::chdir("/") != 0) throw_errno("cannot change to the image's root");
}

void drop_rights() {
  for (const int capability : dropped_capabilities)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) throw_errno("cannot drop a capability");
}

// Services are not to be started in an image: policy-rc.d(8) of Debian's invoke-rc.d.
class NoServices {
 public:
  explicit NoServices(RootTree& root) : root_(root), ours_(!root.type_of(policy_file)) {
    if (ours_) root_.write(policy_file, "#!/bin/sh\nexit 101\n", 0755);
  }
  NoServices(const NoServices&) = delete;
  NoServices& operator=(const NoServices&) = delete;
  ~NoServices() {
    // The command itself may have removed it, or the directory.
    if (ours_) ::unlink(policy_file);
  }

 private:
  RootTree& root_;
  bool ours_;
};

ExitStatus run_command(const Json& request) {
  Command command;
  command.argv = get<std::vector<std::string>>(request, "argv");
  command.clean_environment = true;
  command.environment = worker_environment();
  for (const auto& variable : get<std::vector<std::string>>(request, "environment"))
    command.environment.push_back(variable);
  command.pass(1, 1);
  command.pass(2, 2);
  Child child = spawn(command);
  return child.wait();
}

ExitStatus run_with(const Room& room, const std::vector<std::string>& argv, int output) {
  const Fd request = memory_file(Json{
      {"root", room.root.string()},
      {"host_name", room.host_name},
      {"environment", room.environment},
      {"hooks", room.hooks.string()},
      {"argv", argv}}.dump());
  Command command;
  command.argv = {own_program, worker_argument, "room"};
  command.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  command.pass(output, 1);
  command.pass(2, 2);
  command.pass(request.get(), request_fd);
  Child child = spawn(command);
  return child.wait();
}

}  // namespace

ExitStatus run_in(const Room& room, const std::vector<std::string>& argv) { return run_with(room, argv, 1); }

void run_step(const Room& room, const std::vector<std::string>& argv) {
  const ExitStatus status = run_in(room, argv);
  if (!status.success()) throw Error(fmt::format("{} ended with {}", argv.front(), status.describe()));
}

std::string output_in(const Room& room, const std::vector<std::string>& argv) {
  const Fd file = memory_file();
  const ExitStatus status = run_with(room, argv, file.get());
  if (!status.success()) throw Error(fmt::format("'{}' in the image ended with {}", argv[0], status.describe()));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw_errno("cannot rewind a memory file");
  return read_all(file);
}

int live_in_room() {
  try {
    const Json request = parse_json(read_all(Fd(request_fd)), "the room's request");
    const fs::path path = get<std::string>(request, "root");
    RootTree root(path);
    furnish(root, request);
    enter(path);
    RootTree inside("/");
    const std::string name = get<std::string>(request, "host_name");
    if (::sethostname(name.data(), name.size()) != 0) throw_errno("cannot set the host name");
    drop_rights();
    ::umask(022);
    const NoServices no_services(inside);
    return run_command(request).shell_code();
  } catch (const Error& e) {
    // The log is all that is to be seen of us.
    write_all(Fd(2), fmt::format("meros: {}\n", e.message()));
    return 125;
  }
}

}  // namespace meros::image
