#include "network/namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::network {
namespace {

constexpr auto names_directory = "/run/netns";  // ip-netns(8)
constexpr long nsfs_magic = 0x6e736673;         // NSFS_MAGIC, linux/magic.h

// An exception of the thread's goes on in ours.
void run_in_thread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

void set_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("cannot make a socket");
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw_errno("cannot set the namespace's lo up");
}

std::string path_of(const std::string& name) { return std::string(names_directory) + "/" + name; }

bool is_namespace(const Fd& fd) {
  struct statfs info {};
  return ::fstatfs(fd.get(), &info) == 0 && info.f_type == nsfs_magic;
}

// Its threads can each be in a namespace of their own.
bool is_inside(const fs::path& process, const std::string& link) {
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator(process / "task", gone))
    if (fs::read_symlink(thread.path() / "ns/net", gone) == link) return true;
  return false;
}

bool holds_descriptor(const fs::path& process, const std::string& link) {
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(process / "fd", gone))
    if (fs::read_symlink(entry.path(), gone) == link) return true;
  return false;
}

}  // namespace

NetworkNamespace NetworkNamespace::make() {
  Fd fd;
  run_in_thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      const int error = errno;
      throw HostError("cannot make a network namespace: " + SystemError("unshare", error).message(),
                      "see user.max_net_namespaces (sysctl), and 'meros doctor'");
    }
    set_loopback_up();
    fd = open_file("/proc/thread-self/ns/net", O_RDONLY);
  });
  return NetworkNamespace(std::move(fd));
}

std::uint64_t NetworkNamespace::inode() const { return inode_of(fd_); }

void NetworkNamespace::run_inside(const std::function<void()>& work) const {
  run_in_thread([&] {
    if (::setns(fd_.get(), CLONE_NEWNET) != 0) throw_errno("cannot join the network namespace");
    work();
  });
}

std::uint64_t inode_of(const Fd& network_namespace) {
  struct stat info {};
  if (::fstat(network_namespace.get(), &info) != 0) throw_errno("cannot look at a network namespace");
  return info.st_ino;
}

std::uint64_t own_network_inode() { return inode_of(open_file("/proc/thread-self/ns/net", O_RDONLY)); }

Fd user_namespace_of(const Fd& network_namespace) {
  Fd fd(::ioctl(network_namespace.get(), NS_GET_USERNS));
  if (!fd) throw_errno("cannot ask for the user namespace of a network");
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) throw_errno("cannot set close-on-exec");
  return fd;
}

std::optional<Fd> network_namespace_of(pid_t pid) {
  Fd fd(::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  return fd;
}

void give_name(const NetworkNamespace& network, const std::string& name) {
  if (const auto now = namespace_named(name)) {
    if (inode_of(*now) == network.inode()) return;
    throw BusyError(fmt::format("there is another network namespace of the name '{}'", name),
                    fmt::format("see 'ip netns pids {0}', then 'ip netns delete {0}'", name));
  }
  fs::create_directories(names_directory);
  const std::string path = path_of(name);
  // An empty file may be left of a name whose making was cut short.
  const Fd file = open_file(path, O_RDONLY | O_CREAT | O_NOFOLLOW, 0444);
  if (::mount(proc_path(network.fd()).c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    throw SystemError("cannot bind '" + path + "'", error);
  }
}

std::optional<Fd> namespace_named(const std::string& name) {
  Fd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || !is_namespace(fd)) return std::nullopt;
  return fd;
}

bool remove_name(const std::string& name) {
  const std::string path = path_of(name);
  if (::access(path.c_str(), F_OK) != 0) return false;
  ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);  // EINVAL: a file that nothing was bound to yet
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno("cannot remove '" + path + "'");
  return true;
}

std::vector<std::string> users_of(std::uint64_t inode) {
  const std::string link = fmt::format("net:[{}]", inode);
  std::vector<std::string> users;
  std::error_code gone;
  for (const auto& process : fs::directory_iterator("/proc", gone)) {
    const auto pid = parse_unsigned(process.path().filename().string());
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    if (!is_inside(process.path(), link) && !holds_descriptor(process.path(), link)) continue;
    std::string name = "?";  // where it has just ended
    std::getline(std::ifstream(process.path() / "comm"), name);
    users.push_back(fmt::format("pid {} ({})", *pid, name));
  }
  return users;
}

}  // namespace meros::network
