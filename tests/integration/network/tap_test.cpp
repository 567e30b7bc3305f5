// TAP devices as the kernel of this host makes them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "integration/network/tap_fixture.h"

namespace meros::network {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::UnorderedElementsAre;

// Out of what `ip link show` prints.
std::string bridge_address(const std::string& shown) { return shown.substr(shown.find("link/ether"), 28); }

TEST_F(Tap, IsMadeAttachedAndUp) {
  ensure_tap(settings);
  const auto link = find_link("tap0");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "tap0");
  EXPECT_EQ(link->alias, "meros /srv/data demo");
  EXPECT_EQ(link->kind, "tun");
  EXPECT_EQ(link->master, "br0");
  EXPECT_TRUE(link->up);
  EXPECT_EQ(sysctl("ipv4/conf/tap0/proxy_arp"), "1");
  EXPECT_EQ(sysctl("ipv6/conf/tap0/disable_ipv6"), "1");
  EXPECT_THAT(ip({"-d", "link", "show", "tap0"}), testing::HasSubstr("tun type tap pi off vnet_hdr on persist on"));
  EXPECT_THAT(ip({"-d", "link", "show", "tap0"}), testing::HasSubstr("user 12345"));
}

TEST_F(Tap, NeedsNoBridgeAndLeavesSysctlsAlone) {
  settings.bridge.clear();
  settings.proxy_arp = settings.disable_ipv6 = false;
  ensure_tap(settings);
  EXPECT_EQ(find_link("tap0")->master, "");
  EXPECT_TRUE(find_link("tap0")->up);
  EXPECT_EQ(sysctl("ipv4/conf/tap0/proxy_arp"), "0");
  EXPECT_EQ(sysctl("ipv6/conf/tap0/disable_ipv6"), "0");
}

TEST_F(Tap, DoesNotChangeTheAddressOfABridgeThatHasNoneOfItsOwn) {
  ip({"link", "add", "port0", "address", "52:54:00:00:00:01", "type", "veth", "peer", "name", "port1"});
  ip({"link", "add", "br1", "type", "bridge"});
  ip({"link", "set", "port0", "master", "br1"});
  settings.bridge = "br1";
  ensure_tap(settings);
  EXPECT_THAT(ip({"link", "show", "tap0"}), testing::HasSubstr("link/ether fe:ff:ff:ff:ff:ff"));
  EXPECT_THAT(ip({"link", "show", "br1"}), testing::HasSubstr("link/ether 52:54:00:00:00:01"));
  remove_tap("tap0", settings.alias);
  EXPECT_THAT(ip({"link", "show", "br1"}), testing::HasSubstr("link/ether 52:54:00:00:00:01"));
}

TEST_F(Tap, ThatComesOrGoesDoesNotChangeTheAddressOfABridgeOfTaps) {
  ip({"link", "add", "br1", "type", "bridge"});
  settings.bridge = "br1";
  ensure_tap(settings);
  const std::string address = bridge_address(ip({"link", "show", "br1"}));
  TapSettings second = settings;
  second.name = "tap1";
  ensure_tap(second);
  EXPECT_EQ(bridge_address(ip({"link", "show", "br1"})), address);
  remove_tap("tap0", settings.alias);
  EXPECT_EQ(bridge_address(ip({"link", "show", "br1"})), address);
}

TEST_F(Tap, TakesTheMtuOfItsBridge) {
  ip({"link", "set", "br0", "mtu", "1400"});
  ensure_tap(settings);
  EXPECT_EQ(find_link("tap0")->mtu, 1400U);
}

TEST_F(Tap, IsBroughtToNewSettings) {
  ip({"link", "add", "br1", "type", "bridge"});
  ensure_tap(settings);
  const int index = find_link("tap0")->index;
  ip({"link", "set", "tap0", "down"});
  settings.bridge = "br1";
  settings.owner_uid = 23456;
  ensure_tap(settings);
  EXPECT_EQ(find_link("tap0")->index, index) << "the device itself stays";
  EXPECT_EQ(find_link("tap0")->master, "br1");
  EXPECT_TRUE(find_link("tap0")->up);
  EXPECT_THAT(ip({"-d", "link", "show", "tap0"}), testing::HasSubstr("user 23456"));
}

TEST_F(Tap, OneThatIsAsItShouldBeNeedsNoPrivileges) {
  settings.owner_uid = 0;
  ensure_tap(settings);
  EXPECT_EQ(outcome_in_child([&] {
              drop_capability(CAP_NET_ADMIN);
              ensure_tap(settings);
            }),
            "no error");
}

TEST_F(Tap, TakesAnAliasOf255BytesAndNoMore) {
  settings.alias = std::string(255, 'x');
  ensure_tap(settings);
  EXPECT_EQ(find_link("tap0")->alias, settings.alias);
  EXPECT_EQ(list_links().back().alias, settings.alias);
  ensure_tap(settings);
  EXPECT_TRUE(remove_tap("tap0", settings.alias));

  settings.alias += 'x';
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }), "3 the alias of tap 'tap0' is longer than 255 bytes");
}

TEST_F(Tap, WithoutAnAliasIsTheDeviceOfOneWhoAsksForNone) {
  ip({"tuntap", "add", "tap0", "mode", "tap"});
  settings.alias.clear();
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }), "no error");
  EXPECT_TRUE(remove_tap("tap0", ""));
}

TEST_F(Tap, IsRemovedOnce) {
  ensure_tap(settings);
  EXPECT_TRUE(remove_tap("tap0", settings.alias));
  EXPECT_FALSE(remove_tap("tap0", settings.alias));
  EXPECT_THAT(link_names(), ElementsAre("br0"));
}

TEST_F(Tap, OpenedCarriesFramesWithTheVirtioHeader) {
  ensure_tap(settings);
  const Fd tap = open_tap("tap0");
  ifreq request{};
  ASSERT_EQ(::ioctl(tap.get(), TUNGETIFF, &request), 0);
  EXPECT_STREQ(request.ifr_name, "tap0");
  EXPECT_EQ(request.ifr_flags & (IFF_TAP | IFF_TUN | IFF_NO_PI | IFF_VNET_HDR), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  EXPECT_NE(::fcntl(tap.get(), F_GETFD) & FD_CLOEXEC, 0);
}

// An ARP request of 10.0.2.15 for 10.0.2.1 (RFC 826), with ten zero bytes of struct virtio_net_hdr before it.
std::string arp_request(char last_byte_of_mac) {
  const std::string mac = std::string("\x02\0\0\0\0", 5) + last_byte_of_mac;
  return std::string(10, '\0') + std::string(6, '\xff') + mac + std::string("\x08\x06\0\x01\x08\0\x06\x04\0\x01", 10) +
         mac + std::string("\x0a\0\x02\x0f", 4) + std::string(6, '\0') + std::string("\x0a\0\x02\x01", 4);
}

// Whether the answer to it comes, among whatever else the bridge sends.
bool is_answered(const Fd& tap) {
  std::array<char, 2048> frame{};
  const std::string reply("\x08\x06\0\x01\x08\0\x06\x04\0\x02", 10);
  while (wait_for(tap, POLLIN, 10'000) != 0) {
    const ssize_t size = ::read(tap.get(), frame.data(), frame.size());
    if (size > 42 && std::string_view(frame.data() + 22, 10) == reply) return true;
  }
  return false;
}

TEST_F(Tap, ReachesTheBridgesAddressBesideAnother) {
  ip({"address", "add", "10.0.2.1/24", "dev", "br0"});
  ip({"link", "set", "br0", "up"});
  TapSettings second = settings;
  second.name = "tap1";
  ensure_tap(settings);
  ensure_tap(second);
  const Fd taps[] = {open_tap("tap0"), open_tap("tap1")};
  char mac = 1;
  for (const Fd& tap : taps) {
    write_all(tap, arp_request(mac++));
    EXPECT_TRUE(is_answered(tap)) << "on the TAP of the machine with MAC " << int{mac} - 1;
  }
}

TEST_F(Tap, ManyCallersAtOnceMakeOne) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ensure_tap(settings);
        ::_exit(0);
      } catch (const BusyError&) {
        ::_exit(1);
      } catch (...) {
        ::_exit(2);
      }
    }
    children.push_back(child);
  }
  int made = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_NE(WEXITSTATUS(status), 2);
    if (WEXITSTATUS(status) == 0) ++made;
  }
  EXPECT_GE(made, 1);
  EXPECT_THAT(link_names(), UnorderedElementsAre("br0", "tap0"));
  EXPECT_EQ(find_link("tap0")->master, "br0");
}

TEST_F(Tap, LinksAreListedWithKindAndBridge) {
  ensure_tap(settings);
  EXPECT_THAT(list_links(), Contains(testing::AllOf(Field(&Link::name, "tap0"), Field(&Link::kind, "tun"),
                                                    Field(&Link::master, "br0"))));
  EXPECT_THAT(list_links(), Contains(testing::AllOf(Field(&Link::name, "br0"), Field(&Link::kind, "bridge"),
                                                    Field(&Link::alias, ""))));
  EXPECT_FALSE(find_link("nothing"));
  EXPECT_FALSE(find_link("a-name-that-no-device-can-have"));
}

TEST_F(Tap, AddressesOfABridgeAreRead) {
  EXPECT_THAT(addresses_of("br0"), ElementsAre());
  ip({"address", "add", "172.17.0.1/16", "dev", "br0"});
  ip({"address", "add", "10.0.2.1/24", "dev", "br0"});
  ip({"address", "add", "10.9.9.1", "peer", "10.9.9.2/32", "dev", "br0"});
  ip({"address", "add", "fd00::1/64", "dev", "br0"});
  ip({"address", "add", "192.168.1.1/24", "dev", "lo"});
  std::vector<std::string> texts;
  for (const auto& address : addresses_of("br0")) texts.push_back(address.to_string());
  EXPECT_THAT(texts, UnorderedElementsAre("172.17.0.1/16", "10.0.2.1/24", "10.9.9.1/32"));
  EXPECT_EQ(outcome_of([] { addresses_of("br7"); }), "4 network interface 'br7' does not exist");
}

}  // namespace
}  // namespace meros::network
