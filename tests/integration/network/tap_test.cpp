// TAP devices on the real kernel, each test in a network namespace of its own.
#include "network/tap.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"

namespace meros::network {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::MatchesRegex;
using testing::UnorderedElementsAre;

// "<exit code> <message> (<hint>)", or "no error".
std::string outcome_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    const std::string hint = e.hint().empty() ? "" : " (" + e.hint() + ")";
    return std::to_string(static_cast<int>(e.exit_code())) + " " + e.message() + hint;
  }
  return "no error";
}

// The same in a process of its own, which may lose privileges or change its namespaces.
std::string outcome_in_child(const std::function<void()>& action) {
  auto [read_end, write_end] = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    write_all(write_end, outcome_of(action));
    ::_exit(0);
  }
  write_end.reset();
  const std::string outcome = read_all(read_end);
  int status = 0;
  ::waitpid(child, &status, 0);
  return outcome;
}

void drop_capability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) throw_errno("capget");
  data[capability / 32].effective &= ~(1U << (capability % 32));
  if (::syscall(SYS_capset, &header, data) != 0) throw_errno("capset");
}

class Tap : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make a network namespace and TAP devices in it";
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
    host_namespace_ = open_file("/proc/thread-self/ns/net", O_RDONLY);
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs network namespaces: unshare fails with errno " << errno;
    ip({"link", "add", "br0", "address", "02:00:00:00:00:fe", "type", "bridge"});
  }
  void TearDown() override {
    if (!host_namespace_) return;
    ASSERT_EQ(::setns(host_namespace_.get(), CLONE_NEWNET), 0);
  }

  static std::string ip(std::vector<std::string> arguments) {
    Command command;
    command.argv = {"ip"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const Output output = run(command);
    if (!output.status.success()) throw Error("ip " + join(arguments, " ") + ": " + output.err);
    return output.out;
  }
  static std::string sysctl(const std::string& path) { return std::string(trim(read_file("/proc/sys/net/" + path))); }
  static std::string bridge_address() {
    const std::string shown = ip({"link", "show", "br1"});
    return shown.substr(shown.find("link/ether"), 28);
  }
  static std::vector<std::string> link_names() {
    std::vector<std::string> names;
    for (const Link& link : list_links()) {
      if (link.name != "lo" && !link.name.starts_with("ifb")) names.push_back(link.name);
    }
    return names;
  }

  TapSettings settings{.name = "tap0",
                       .owner_uid = 12345,
                       .alias = "meros /srv/data demo",
                       .bridge = "br0",
                       .proxy_arp = true,
                       .disable_ipv6 = true};

 private:
  Fd host_namespace_;
};

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
  const std::string address = bridge_address();
  TapSettings second = settings;
  second.name = "tap1";
  ensure_tap(second);
  EXPECT_EQ(bridge_address(), address);
  remove_tap("tap0", settings.alias);
  EXPECT_EQ(bridge_address(), address);
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

TEST_F(Tap, RefusesNamesThatAreTooLong) {
  settings.name = std::string(40, 'a');
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }),
            "3 the TAP name 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is longer than 15 bytes (the kernel takes no "
            "longer name for a network device)");
  settings.name = "123456789012345";
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }), "no error");
}

TEST_F(Tap, RefusesNamesThatMeanSomethingElse) {
  for (const char* name : {"", ".", "a/b", "tap%d", "a b"}) {
    settings.name = name;
    EXPECT_EQ(
        outcome_of([&] { ensure_tap(settings); }),
        "3 the TAP name '" + std::string(name) + "' is not valid (use 1 to 15 letters, digits, '_', '-' and '.')");
  }
  EXPECT_THAT(link_names(), ElementsAre("br0"));
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

TEST_F(Tap, SaysThatTheBridgeIsMissing) {
  settings.bridge = "docker0";
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }),
            "4 cannot attach tap 'tap0': bridge 'docker0' does not exist (create it with 'ip link add docker0 type "
            "bridge', or pass --bridge)");
  EXPECT_THAT(link_names(), ElementsAre("br0"));
}

TEST_F(Tap, SaysThatTheBridgeIsNone) {
  settings.bridge = "lo";
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }),
            "3 cannot attach tap 'tap0': 'lo' is not a bridge (pass a bridge with --bridge; 'ip link show type bridge' "
            "lists them)");
  EXPECT_THAT(link_names(), ElementsAre("br0"));
}

TEST_F(Tap, LeavesNothingWhenItFailsHalfWay) {
  settings.owner_uid = static_cast<uid_t>(-1);
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }), "1 cannot give tap 'tap0' to user 4294967295: Invalid argument");
  EXPECT_THAT(link_names(), ElementsAre("br0"));
}

TEST_F(Tap, NeverTouchesADeviceOfAnotherOwner) {
  ensure_tap(settings);
  settings.alias = "meros /home/ann/data web";
  settings.bridge.clear();
  EXPECT_EQ(
      outcome_of([&] { ensure_tap(settings); }),
      "5 cannot make tap 'tap0': the interface 'tap0' belongs to 'meros /srv/data demo' (choose another name with "
      "--tap)");
  EXPECT_EQ(outcome_of([&] { remove_tap("tap0", settings.alias); }),
            "5 cannot remove tap 'tap0': it belongs to 'meros /srv/data demo'");
  EXPECT_EQ(find_link("tap0")->alias, "meros /srv/data demo");
}

TEST_F(Tap, NeverTouchesADeviceWithoutAnOwner) {
  ip({"tuntap", "add", "tap0", "mode", "tap"});
  EXPECT_EQ(
      outcome_of([&] { ensure_tap(settings); }),
      "5 cannot make tap 'tap0': the interface 'tap0' was not made by meros (its kind is tun) (choose another name "
      "with --tap)");
  EXPECT_EQ(find_link("tap0")->master, "");
}

TEST_F(Tap, NeverTouchesADeviceOfAnotherKindEvenWithTheSameAlias) {
  ip({"link", "add", "tap0", "type", "bridge"});
  ip({"link", "set", "tap0", "alias", settings.alias});
  EXPECT_EQ(
      outcome_of([&] { ensure_tap(settings); }),
      "5 cannot make tap 'tap0': the interface 'tap0' belongs to 'meros /srv/data demo' (choose another name with "
      "--tap)");
  EXPECT_EQ(outcome_of([&] { remove_tap("tap0", settings.alias); }),
            "5 cannot remove tap 'tap0': it belongs to 'meros /srv/data demo'");
  EXPECT_TRUE(find_link("tap0"));
}

TEST_F(Tap, TunOfTheSameAliasIsNoTap) {
  ip({"tuntap", "add", "tap0", "mode", "tun"});
  ip({"link", "set", "tap0", "alias", settings.alias});
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }),
            "5 cannot make tap 'tap0': the interface of that name is not a TAP device");
  EXPECT_EQ(outcome_of([] { open_tap("tap0"); }), "3 cannot open tap 'tap0': it is not a TAP device");
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

TEST_F(Tap, InUseCannotBeTakenOrOpenedAgain) {
  ensure_tap(settings);
  // One process holds it while another, this one, asks.
  auto [ours, theirs] = make_socket_pair();
  const pid_t holder = ::fork();
  if (holder == 0) {
    ours.reset();
    const Fd held = open_tap("tap0");
    write_all(theirs, "held");
    wait_for(theirs, POLLIN, 60'000);
    ::_exit(0);
  }
  theirs.reset();
  char word[4];
  ASSERT_EQ(::read(ours.get(), word, sizeof word), 4);
  EXPECT_EQ(outcome_of([] { open_tap("tap0"); }), "5 cannot open tap 'tap0': it is in use by another process");
  EXPECT_EQ(outcome_of([&] { ensure_tap(settings); }), "5 cannot make tap 'tap0': it is in use by another process");
  ours.reset();
  int status = 0;
  ::waitpid(holder, &status, 0);
  EXPECT_EQ(outcome_of([] { open_tap("tap0"); }), "no error");
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

TEST_F(Tap, OpeningOneThatIsNotThereMakesNone) {
  EXPECT_EQ(outcome_of([] { open_tap("tap7"); }), "4 cannot open tap 'tap7': it does not exist");
  EXPECT_THAT(link_names(), ElementsAre("br0"));
}

TEST_F(Tap, WithoutTheCapabilityOnTheNetworkIsNotMade) {
  EXPECT_EQ(outcome_in_child([&] {
              drop_capability(CAP_NET_ADMIN);
              ensure_tap(settings);
            }),
            "6 making TAP devices needs root (run it with sudo, or use --no-network)");
  ensure_tap(settings);
  EXPECT_EQ(outcome_in_child([&] {
              drop_capability(CAP_NET_ADMIN);
              remove_tap("tap0", settings.alias);
            }),
            "6 cannot remove tap 'tap0': changing network devices needs root (run it with sudo)");
  EXPECT_EQ(outcome_in_child([&] {
              drop_capability(CAP_NET_ADMIN);
              open_tap("tap0");
            }),
            "6 cannot open tap 'tap0': it belongs to another user (run it with sudo, or as the user it was made for)");
}

TEST_F(Tap, WithoutTheDriverIsNotMade) {
  const auto without_driver = [&](const char* options) {
    return outcome_in_child([&] {
      if (::unshare(CLONE_NEWNS) != 0) throw_errno("unshare");
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("mount");
      if (::mount("none", "/dev/net", "tmpfs", 0, options) != 0) throw_errno("mount");
      ensure_tap(settings);
    });
  };
  EXPECT_EQ(without_driver("mode=755"),
            "6 cannot make tap 'tap0': /dev/net/tun does not exist (load the driver with 'modprobe tun', or use "
            "--no-network)");
}

TEST_F(Tap, ClosedToTheUserIsNotMade) {
  EXPECT_EQ(outcome_in_child([&] {
              if (::unshare(CLONE_NEWNS) != 0) throw_errno("unshare");
              if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("mount");
              if (::mount("none", "/dev/net", "tmpfs", 0, "mode=755") != 0) throw_errno("mount");
              const Fd closed = open_file("/dev/net/tun", O_CREAT | O_WRONLY, 0600);
              if (::setresuid(65534, 65534, 65534) != 0) throw_errno("setresuid");
              ensure_tap(settings);
            }),
            "6 cannot make tap 'tap0': /dev/net/tun is not open to this user (run it with sudo, or use --no-network)");
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
