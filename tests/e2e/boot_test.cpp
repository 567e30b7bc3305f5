#include <gmock/gmock.h>

#include "e2e/linux_guest.h"
#include "integration/machine_test.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

// Boots under TCG take seconds on a quiet machine, and minutes on a busy one.
constexpr std::chrono::minutes boot_time{4};

class Boot : public MachineTest {
 protected:
  // Before the fixture's network namespace, from which nothing is reached.
  static void SetUpTestSuite() {
    if (!lacking({Need::root, Need::namespaces, Need::qemu, Need::ip})) linux_guest();
  }
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::namespaces, Need::qemu, Need::ip);
    if (!find_program("ping")) GTEST_SKIP() << "needs ping (package iputils-ping)";
    if (!linux_guest().lacking.empty()) GTEST_SKIP() << linux_guest().lacking;
    add_bridge("br0", "10.9.0.1/24");
  }
  void TearDown() override {
    if (!IsSkipped()) ip({"link", "del", "br0"});
    IsolatedTest::TearDown();
  }
  void create_linux(const std::string& name, const std::string& address, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"create",     name,
                                          "--driver",   "qemu",
                                          "--accel",    "tcg",
                                          "--memory",   "256",
                                          "--kernel",   linux_guest().kernel,
                                          "--initrd",   linux_guest().initrd,
                                          "--bridge",   "br0",
                                          "--guest-ip", address,
                                          "--append",   "quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ASSERT_TRUE(succeeds(home().meros(arguments)));
  }
  static bool answers_ping(const std::string& address) {
    Command ping;
    ping.argv = {"ping", "-c", "1", "-W", "1", address};
    return run(ping).status.success();
  }
};

TEST_F(Boot, ALinuxGuestAnswersPingRunsACommandAndPowersOff) {
  const auto disk = home().write("disk.img", std::string(std::size_t{1} << 20, '\0'));
  create_linux("web", "10.9.0.7", {"--rootfs", disk});
  must({"start", "web"});
  ASSERT_TRUE(eventually([&] { return answers_ping("10.9.0.7"); }, boot_time)) << console_log_of("web");
  EXPECT_THAT(console_log_of("web"), HasSubstr("eth0 is 10.9.0.7"));
  ASSERT_TRUE(comes_to_say("web", "the guest is up"));

  const Result answer =
      home().meros({"console", "web", "--timeout", "3"}, "echo sum: $((40 + 2)); cat /sys/block/vda/size\n");
  EXPECT_THAT(answer.out, HasSubstr("sum: 42"));
  EXPECT_THAT(answer.out, HasSubstr("2048")) << "the disk of 1 MiB, in sectors";

  EXPECT_EQ(must({"stop", "web"}), "stopped web (acpi-powerdown)\n");
  EXPECT_THAT(console_log_of("web"), HasSubstr("the guest powers off"));
  EXPECT_FALSE(answers_ping("10.9.0.7"));
  must({"delete", "web"});
  std::filesystem::remove(disk);
}

TEST_F(Boot, TwoLinuxGuestsReachEachOther) {
  create_linux("web", "10.9.0.7");
  create_linux("shop", "10.9.0.8");
  must({"start", "web", "shop"});
  ASSERT_TRUE(eventually([&] { return answers_ping("10.9.0.7") && answers_ping("10.9.0.8"); }, boot_time));
  ASSERT_TRUE(comes_to_say("web", "the guest is up"));
  const Result answer = home().meros({"console", "web", "--timeout", "4"}, "ping -c 1 -W 3 10.9.0.8\n");
  EXPECT_THAT(answer.out, HasSubstr("1 packets received"));
  must({"delete", "--all", "--yes"});
}

}  // namespace
}  // namespace meros::test
