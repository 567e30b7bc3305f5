#include "machine/vmm_user.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "machine/state.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

constexpr uid_t first_unused = 1879048192;
constexpr uid_t last_unused = 2147352575;
constexpr uid_t nobody = 65534;

bool is_mapped(uid_t uid) {
  std::istringstream map(read_file("/proc/self/uid_map", 1 << 20));
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  while (map >> inside >> outside >> count)
    if (uid >= inside && uid < inside + count) return true;
  return false;
}

bool open_to_others(const char* device) {
  struct stat info {};
  return ::stat(device, &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH);
}

// A device node like `device`, that belongs to `uid`, at `path`.
void make_node(const std::string& path, const char* device, uid_t uid) {
  struct stat info {};
  if (::stat(device, &info) != 0) throw_errno(std::string("cannot look at ") + device);
  if (::mknod(path.c_str(), S_IFCHR | 0600, info.st_rdev) != 0) throw_errno("cannot make a device node");
  if (::chown(path.c_str(), uid, uid) != 0) throw_errno("cannot give a device node to the VMM's user");
}

void mount_over(const std::string& source, const char* target) {
  if (::mount(source.c_str(), target, nullptr, MS_BIND, nullptr) != 0)
    throw_errno(std::string("cannot mount over ") + target);
}

}  // namespace

uid_t choose_vmm_uid(const fs::path& volume) {
  const auto range = std::uint64_t{last_unused} - first_unused + 1;
  const auto uid = static_cast<uid_t>(first_unused + stable_hash("uid " + volume.string()) % range);
  return is_mapped(uid) ? uid : nobody;
}

uid_t vmm_uid_of(const Config& config) {
  if (::geteuid() != 0) return ::geteuid();
  return config.vmm_uid.value_or(choose_vmm_uid(config.volume));
}

std::optional<Command::Credentials> vmm_credentials(const Config& config) {
  if (::geteuid() != 0) return std::nullopt;
  const uid_t uid = vmm_uid_of(config);
  return Command::Credentials{uid, uid, {}};
}

void give_to_vmm(const Fd& volume, const std::string& file, uid_t uid) {
  if (::geteuid() != 0) return;
  const Fd fd(::openat(volume.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw_errno("cannot open '" + file + "' in the volume");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw_errno("cannot look at '" + file + "' in the volume");
  if (!S_ISREG(info.st_mode)) throw InvalidError("'" + file + "' in the volume is not a regular file");
  // A second name elsewhere would be given away with it.
  if (info.st_nlink != 1) throw InvalidError("'" + file + "' in the volume has more than one name (hard links)");
  if (info.st_uid != uid && ::fchown(fd.get(), uid, uid) != 0)
    throw_errno("cannot give '" + file + "' to the VMM's user");
  if ((info.st_mode & 07777) != 0600 && ::fchmod(fd.get(), 0600) != 0)
    throw_errno("cannot set the mode of '" + file + "'");
}

void make_run_directory(const Fd& volume, uid_t uid) {
  if (::mkdirat(volume.get(), names::run_directory, 0700) != 0 && errno != EEXIST)
    throw_errno("cannot make run/ in the volume");
  const Fd run = open_file_at(volume, names::run_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (::geteuid() == 0 && ::fchown(run.get(), uid, uid) != 0) throw_errno("cannot give run/ to the VMM's user");
}

void open_devices_to(uid_t uid, bool kvm, bool tun) {
  kvm = kvm && !open_to_others("/dev/kvm");
  tun = tun && !open_to_others("/dev/net/tun");
  if (!kvm && !tun) return;
  // What the host unmounts later is unmounted here too; nothing of ours goes the other way.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) throw_errno("cannot make our mounts private");
  constexpr auto room = "/mnt";  // hidden in our namespace only, by a file system of two nodes
  if (::mount("meros", room, "tmpfs", MS_NOEXEC | MS_NOSUID, "size=64k,mode=0711") != 0)
    throw_errno("cannot mount a file system for device nodes");
  const auto replace = [&](const char* device, const std::string& node) {
    make_node(node, device, uid);
    mount_over(node, device);
  };
  if (kvm) replace("/dev/kvm", std::string(room) + "/kvm");
  if (tun) replace("/dev/net/tun", std::string(room) + "/tun");
}

}  // namespace meros::machine
