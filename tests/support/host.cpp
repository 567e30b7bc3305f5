#include "support/host.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "support/programs.h"

namespace meros::test {
namespace {

// Runs `true` in namespaces of its own: the only proof that they can be made here.
bool can_unshare(unsigned long namespaces, std::optional<Command::Credentials> user) {
  Command command;
  command.argv = {"true"};
  command.namespaces = namespaces;
  if ((namespaces & CLONE_NEWUSER) != 0) {
    const uid_t uid = user ? user->uid : ::geteuid();
    command.uid_map = "0 " + std::to_string(uid) + " 1";
    command.gid_map = command.uid_map;
  }
  try {
    return run(command).status.success();
  } catch (const Error&) {
    return false;
  }
}

// unshare(1) makes the user namespace as the ordinary user itself, as the program will have to.
bool ordinary_user_can_unshare() {
  Command command;
  command.argv = {"unshare", "--user", "--map-root-user", "--pid", "--fork", "true"};
  if (::geteuid() == 0) command.credentials = ordinary_user();
  try {
    return run(command).status.success();
  } catch (const Error&) {
    return false;
  }
}

bool opens(const char* path) { return Fd(::open(path, O_RDWR | O_CLOEXEC)).get() >= 0; }

std::optional<std::string> lacking_one(Need need) {
  using Answer = std::optional<std::string>;
  switch (need) {
    case Need::root:
      return ::geteuid() == 0 ? Answer() : "needs root";
    case Need::namespaces:
      if (!can_unshare(CLONE_NEWNET | CLONE_NEWNS, {}))
        return "needs network and mount namespaces (root can make them)";
      return opens("/dev/net/tun") ? Answer() : "needs /dev/net/tun";
    case Need::user_namespaces:
      return ordinary_user_can_unshare() ? Answer() : "needs user and PID namespaces for ordinary users";
    case Need::qemu:
      return find_program("qemu-system-x86_64") ? Answer() : "needs qemu-system-x86_64";
    case Need::fake_firecracker:
      return std::filesystem::exists(fake_firecracker()) ? Answer() : "needs the stand-in for Firecracker";
    case Need::real_firecracker:
      return real_firecracker() ? Answer() : "needs a real firecracker (MEROS_TEST_FIRECRACKER=/path/to/it)";
    case Need::kvm_device:
      return opens("/dev/kvm") ? Answer() : "needs /dev/kvm";
    case Need::ip:
      return find_program("ip") ? Answer() : "needs ip (package iproute2)";
    case Need::mount:
      return can_unshare(CLONE_NEWNS, {}) ? Answer() : "needs to mount file systems (root)";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> lacking(std::initializer_list<Need> needs) {
  for (const Need need : needs)
    if (auto why = lacking_one(need)) return why;
  return std::nullopt;
}

Command::Credentials ordinary_user() {
  constexpr unsigned unused = 54'321;  // above the system's and people's, below the subordinate ranges
  return {unused, unused, {}};
}

}  // namespace meros::test
