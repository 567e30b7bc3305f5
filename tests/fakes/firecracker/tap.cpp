#include "fakes/firecracker/tap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "fakes/firecracker/fault.h"

namespace meros::fake {

std::string describe_errno(int number) {
  return fmt::format("{} (os error {})", std::generic_category().message(number), number);
}

Fd open_tap(const std::string& name) {
  const auto fail = [](const std::string& why) { throw Fault("Open tap device failed: " + why); };
  Fd tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) fail("Couldn't open /dev/net/tun: " + describe_errno(errno));
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) fail("Invalid interface name");
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0)
    fail(
        fmt::format("Error while creating ifreq structure: {}. Invalid TUN/TAP Backend provided by {}. Check our "
                    "documentation on setting up the network devices.",
                    describe_errno(errno), name));
  return tun;
}

}  // namespace meros::fake
