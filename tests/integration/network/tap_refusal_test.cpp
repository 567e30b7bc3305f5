// What is refused, what it says, and that nothing is left of it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "integration/network/tap_fixture.h"

namespace meros::network {
namespace {

using testing::ElementsAre;

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

}  // namespace
}  // namespace meros::network
