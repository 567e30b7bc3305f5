// Device nodes for ordinary users, in a mount namespace of the test's own.
#pragma once

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace meros::test {

// Puts nodes of /dev/net/tun and, where it is there, /dev/kvm that every user may open in the place of the host's, in
// the mount namespace that we are in, which must not be the host's. False where that cannot be.
inline bool open_devices_to_all() {
  constexpr auto room = "/mnt";
  if (::mount("meros", room, "tmpfs", MS_NOEXEC | MS_NOSUID, "size=64k,mode=0711") != 0) return false;
  const auto replace = [&](const char* device, const std::string& node) {
    struct stat info {};
    return ::stat(device, &info) == 0 && ::mknod(node.c_str(), S_IFCHR | 0666, info.st_rdev) == 0 &&
           ::chmod(node.c_str(), 0666) == 0 && ::mount(node.c_str(), device, nullptr, MS_BIND, nullptr) == 0;
  };
  return replace("/dev/net/tun", std::string(room) + "/tun") &&
         (::access("/dev/kvm", F_OK) != 0 || replace("/dev/kvm", std::string(room) + "/kvm"));
}

}  // namespace meros::test
