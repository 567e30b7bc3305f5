// All of it without root.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "integration/machine_test.h"
#include "support/leaks.h"

namespace meros::test {
namespace {

using testing::IsEmpty;

// The programs run as a user without privileges, whoever runs the tests.
class OrdinaryUser : public testing::Test {
 protected:
  void SetUp() override { MEROS_REQUIRE(Need::root, Need::user_namespaces, Need::qemu); }

  TestHome home_{::geteuid() == 0 ? std::optional(ordinary_user()) : std::nullopt};
  LeakCheck leaks_{home_.path()};

  std::vector<std::string> create_web() const {
    return {"create", "web",      "--no-network",        "--driver", "qemu", "--accel", "tcg", "--memory",
            "64",     "--kernel", kernel_of(Guest::halt)};
  }
  Json info(const std::string& name) { return parse_json(home_.meros({"info", name, "-o", "json"}).out, "info"); }
};

TEST_F(OrdinaryUser, HasTheWholeLife) {
  ASSERT_TRUE(succeeds(home_.meros(create_web())));
  ASSERT_TRUE(succeeds(home_.meros({"start", "web"})));
  const Json web = info("web");
  EXPECT_EQ(effective_uid(get<pid_t>(web, "vmm_pid")), ordinary_user().uid);
  EXPECT_EQ(effective_uid(get<pid_t>(web, "supervisor_pid")), ordinary_user().uid);
  EXPECT_TRUE(succeeds(home_.meros({"pause", "web"})));
  EXPECT_TRUE(succeeds(home_.meros({"resume", "web"})));
  EXPECT_EQ(home_.meros({"stop", "web"}).out, "stopped web (ctrl-alt-del)\n");
  EXPECT_TRUE(succeeds(home_.meros({"delete", "web"})));
  EXPECT_THAT(leaks_.found(), IsEmpty());
}

TEST_F(OrdinaryUser, LosesTheVmmWithItsSupervisor) {
  ASSERT_TRUE(succeeds(home_.meros(create_web())));
  ASSERT_TRUE(succeeds(home_.meros({"start", "web"})));
  const Json web = info("web");
  kill_and_wait(get<pid_t>(web, "supervisor_pid"));
  EXPECT_TRUE(eventually([&] { return !is_alive(get<pid_t>(web, "vmm_pid")); }));
  EXPECT_TRUE(succeeds(home_.meros({"start", "web"})));
  EXPECT_TRUE(succeeds(home_.meros({"delete", "web"})));
  EXPECT_THAT(leaks_.found(), IsEmpty());
}

TEST_F(OrdinaryUser, IsToldThatABridgeNeedsRoot) {
  EXPECT_TRUE(fails_with(
      home_.meros({"create", "web", "--driver", "qemu", "--kernel", kernel_of(Guest::halt), "--bridge", "br0"}),
      ExitCode::not_found, "bridge 'br0' does not exist"));
  EXPECT_THAT(leaks_.found(), IsEmpty());
}

TEST_F(OrdinaryUser, IsSentToTheOwnerOfAMachine) {
  ASSERT_TRUE(succeeds(home_.meros(create_web())));
  Command as_root = home_.meros_command({"start", "web"});
  as_root.credentials.reset();
  EXPECT_TRUE(fails_with(home_.run_to_end(as_root), ExitCode::host_lacks,
                         "sudo -u '#" + std::to_string(ordinary_user().uid) + "' meros start web"));
  EXPECT_TRUE(succeeds(home_.meros({"delete", "web"})));
  EXPECT_THAT(leaks_.found(), IsEmpty());
}

TEST_F(OrdinaryUser, CannotTouchTheMachinesOfRoot) {
  Command as_root = home_.meros_command(create_web());
  as_root.credentials.reset();
  ASSERT_TRUE(succeeds(home_.run_to_end(as_root)));
  for (const std::string verb : {"start", "stop", "delete"})
    EXPECT_EQ(home_.meros({verb, "web"}).code, static_cast<int>(ExitCode::host_lacks)) << verb;
  EXPECT_EQ(home_.meros({"ps", "-a"}).code, 0) << "to look is allowed";
  Command gone = home_.meros_command({"delete", "web"});
  gone.credentials.reset();
  ASSERT_TRUE(succeeds(home_.run_to_end(gone)));
  EXPECT_THAT(leaks_.found(), IsEmpty());
}

}  // namespace
}  // namespace meros::test
