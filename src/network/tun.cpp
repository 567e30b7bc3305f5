#include "network/tun.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "network/tap.h"

namespace meros::network {
namespace {

constexpr auto tun_device = "/dev/net/tun";
constexpr short tun_persistent = 0x0800;  // IFF_PERSIST, which TUNGETIFF reports but not every linux/if_tun.h names

bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() > max_interface_name || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ':' && c != '%'; });
}

}  // namespace

void check_interface_name(const std::string& name, const std::string& what) {
  if (name.size() > max_interface_name)
    throw InvalidError(fmt::format("the {} '{}' is longer than {} bytes", what, name, max_interface_name),
                       "the kernel takes no longer name for a network device");
  if (!is_interface_name(name))
    throw InvalidError(fmt::format("the {} '{}' is not valid", what, name),
                       "use 1 to 15 letters, digits, '_', '-' and '.'");
}

Fd open_tun(const std::string& doing) {
  Fd fd(::open(tun_device, O_RDWR | O_CLOEXEC));
  if (fd) return fd;
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
    throw HostError(fmt::format("{}: {} does not exist", doing, tun_device),
                    "load the driver with 'modprobe tun', or use --no-network");
  if (errno == EACCES || errno == EPERM)
    throw HostError(fmt::format("{}: {} is not open to this user", doing, tun_device),
                    "run it with sudo, or use --no-network");
  throw_errno(fmt::format("{}: cannot open '{}'", doing, tun_device));
}

int attach_tap(const Fd& tun, const std::string& name, Attach attach) {
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);
  const int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (attach == Attach::new_only ? IFF_TUN_EXCL : 0);
  request.ifr_flags = static_cast<short>(flags);
  return ::ioctl(tun.get(), TUNSETIFF, &request) == 0 ? 0 : errno;
}

bool is_persistent(const Fd& tun) {
  ifreq request{};
  if (::ioctl(tun.get(), TUNGETIFF, &request) != 0) throw_errno("cannot ask a TAP device for its flags");
  return (request.ifr_flags & tun_persistent) != 0;
}

Fd open_tap(const std::string& name) {
  check_interface_name(name, "TAP name");
  const std::string doing = fmt::format("cannot open tap '{}'", name);
  const auto missing = [&] { return NotFoundError(doing + ": it does not exist"); };
  if (::if_nametoindex(name.c_str()) == 0) throw missing();
  Fd tap = open_tun(doing);
  switch (const int error = attach_tap(tap, name, Attach::existing_or_new)) {
    case 0:
      break;
    case EBUSY:
      throw BusyError(doing + ": it is in use by another process");
    case EPERM:
      throw HostError(doing + ": it belongs to another user", "run it with sudo, or as the user it was made for");
    case EINVAL:
      throw InvalidError(doing + ": it is not a TAP device");
    default:
      throw SystemError(doing, error);
  }
  // It went away in between, and to attach made a new one, which goes with its descriptor.
  if (!is_persistent(tap)) throw missing();
  return tap;
}

std::string tap_name(std::string_view prefix, std::string_view label, std::string_view identity) {
  if (is_interface_name(label)) return std::string(label);
  const std::string hash = fmt::format("{:016x}", stable_hash(identity));
  const std::string name(prefix.substr(0, 7));  // leaves at least 32 bits of the hash
  return name + hash.substr(hash.size() - (max_interface_name - name.size()));
}

}  // namespace meros::network
