// SIGKILL, wherever it hurts: the truth is told at once, and the next verb works.
#include <gmock/gmock.h>
#include <signal.h>

#include "integration/machine_test.h"
#include "network/tap.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

// With a network and a disk where we are root, for these are what a former VMM may still hold.
class Killed : public EachVmm {
 protected:
  void SetUp() override {
    EachVmm::SetUp();
    if (IsSkipped()) return;
    if (!lacking({Need::root, Need::namespaces, Need::ip})) add_bridge("br0", "10.9.0.1/24");
    disk_ = home().write("disk.img", std::string(1 << 20, '\0'));
  }
  void TearDown() override {
    if (!IsSkipped()) {
      std::filesystem::remove(disk_);
      if (meros::network::find_link("br0")) ip({"link", "del", "br0"});
    }
    IsolatedTest::TearDown();
  }
  void create_web(Guest guest = Guest::halt, std::vector<std::string> more = {}) {
    auto arguments = create_arguments("web", vmm(), guest, std::move(more));
    if (meros::network::find_link("br0")) {
      std::erase(arguments, "--no-network");
      arguments.insert(arguments.end(), {"--bridge", "br0", "--tap", "tap7"});
    }
    arguments.insert(arguments.end(), {"--rootfs", disk_});
    ASSERT_TRUE(succeeds(home().meros(arguments)));
  }
  void create_and_start_web(Guest guest = Guest::halt, std::vector<std::string> more = {}) {
    ASSERT_NO_FATAL_FAILURE(create_web(guest, std::move(more)));
    must({"start", "web"});
  }
  static void kill_now(pid_t pid) {
    ASSERT_GT(pid, 0);  // 0 would be ourselves
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
  }

 private:
  std::filesystem::path disk_;
};

TEST_P(Killed, SupervisorTakesItsVmmWithIt) {
  create_and_start_web();
  const pid_t vmm = vmm_of("web");
  kill_and_wait(supervisor_of("web"));
  EXPECT_TRUE(eventually([&] { return !is_alive(vmm); }));
  must({"delete", "web"});
}

TEST_P(Killed, SupervisorIsSeenAtOnce) {
  create_and_start_web();
  kill_and_wait(supervisor_of("web"));
  const Json web = info("web");
  EXPECT_THAT(get<std::string>(web, "state"), testing::AnyOf("stopped", "stopping"));
  EXPECT_TRUE(get<bool>(web, "lost"));
  EXPECT_TRUE(comes_to_state("web", "stopped"));
  must({"delete", "web"});
}

TEST_P(Killed, SupervisorDoesNotHinderAStart) {
  create_and_start_web();
  for (int i = 0; i < 3; ++i) {
    kill_now(supervisor_of("web"));
    must({"start", "web"});
    EXPECT_EQ(state_of("web"), "running");
  }
  EXPECT_THAT(events_of("web"), Contains("lost").Times(3));
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

TEST_P(Killed, SupervisorDoesNotHinderADelete) {
  create_and_start_web();
  kill_now(supervisor_of("web"));
  must({"delete", "web"});
}

TEST_P(Killed, SupervisorDoesNotHinderAStop) {
  create_and_start_web();
  kill_now(supervisor_of("web"));
  EXPECT_EQ(must({"stop", "web"}), "web is already stopped\n");
  EXPECT_EQ(state_of("web"), "stopped");
  must({"delete", "web"});
}

TEST_P(Killed, SupervisorIsMendedByGc) {
  create_and_start_web();
  kill_and_wait(supervisor_of("web"));
  ASSERT_TRUE(comes_to_state("web", "stopped"));
  EXPECT_THAT(must({"gc"}), HasSubstr("'web' was lost, and is stopped"));
  EXPECT_EQ(must({"gc"}), "") << "nothing is left to mend";
  must({"delete", "web"});
}

TEST_P(Killed, VmmIsSeenAsFailed) {
  create_and_start_web();
  kill_now(vmm_of("web"));
  ASSERT_TRUE(comes_to_state("web", "failed"));
  const Json web = info("web");
  EXPECT_EQ(get<int>(web, "exit_signal"), SIGKILL);
  EXPECT_EQ(get<pid_t>(web, "supervisor_pid"), 0) << "it ends with its VMM";
  must({"delete", "web"});
}

TEST_P(Killed, VmmDoesNotHinderAStart) {
  create_and_start_web();
  for (int i = 0; i < 3; ++i) {
    kill_now(vmm_of("web"));
    must({"start", "web"});
    EXPECT_EQ(state_of("web"), "running");
  }
  must({"delete", "web"});
}

TEST_P(Killed, VmmDoesNotHinderADelete) {
  create_and_start_web();
  kill_now(vmm_of("web"));
  must({"delete", "web"});
}

TEST_P(Killed, BothDoNotHinderAStart) {
  create_and_start_web();
  const Json web = info("web");
  kill_now(get<pid_t>(web, "supervisor_pid"));
  kill_and_wait(get<pid_t>(web, "vmm_pid"));  // it may be gone by now
  must({"start", "web"});
  EXPECT_EQ(state_of("web"), "running");
  must({"delete", "web"});
}

// Wherever `meros start` is when it is killed, nothing of it runs on, or all of it; either way the next start works.
TEST_P(Killed, StartHalfWay) {
  create_web();
  for (int ms = 0; ms < 100; ms += 4) {
    Child start = spawn(home().meros_command({"start", "web"}));
    start.wait_until(Deadline::after(std::chrono::milliseconds(ms)));
    start.kill(SIGKILL);
    if (start.running()) start.wait();
    const Json web = info("web");
    const auto state = get<std::string>(web, "state");
    const bool lock_held = get<pid_t>(web, "supervisor_pid") != 0;
    EXPECT_TRUE(state != "running" || lock_held);
    EXPECT_TRUE((state != "created" && state != "failed") || !lock_held) << state;
    must({"start", "web"});
    ASSERT_EQ(state_of("web"), "running") << "killed after " << ms << " ms, when it was " << state;
    must({"stop", "web", "--force"});
  }
  must({"delete", "web"});
}

TEST_P(Killed, CreateHalfWay) {
  const auto arguments = create_arguments("web", vmm(), Guest::halt, {"--rootfs", home().path() / "disk.img"});
  for (int ms = 0; ms < 40; ms += 2) {
    Child create = spawn(home().meros_command(arguments));
    create.wait_until(Deadline::after(std::chrono::milliseconds(ms)));
    create.kill(SIGKILL);
    if (create.running()) create.wait();
    must({"gc"});
    // All of a machine, or nothing.
    const Result again = home().meros(arguments);
    EXPECT_TRUE(again.code == 0 || again.code == static_cast<int>(ExitCode::busy)) << again;
    must({"start", "web"});
    must({"delete", "web"});
  }
}

TEST_P(Killed, StopHalfWay) {
  for (int ms = 0; ms < 60; ms += 6) {
    if (ms == 0) create_web();
    must({"start", "web"});
    Child stop = spawn(home().meros_command({"stop", "web"}));
    stop.wait_until(Deadline::after(std::chrono::milliseconds(ms)));
    stop.kill(SIGKILL);
    if (stop.running()) stop.wait();
    must({"stop", "web"});
    EXPECT_EQ(supervisor_of("web"), 0);
  }
  must({"delete", "web"});
}

TEST_P(Killed, DeleteHalfWay) {
  for (int ms = 0; ms < 60; ms += 6) {
    create_and_start_web();
    Child gone = spawn(home().meros_command({"delete", "web"}));
    gone.wait_until(Deadline::after(std::chrono::milliseconds(ms)));
    gone.kill(SIGKILL);
    if (gone.running()) gone.wait();
    must({"delete", "web", "--if-exists"});
    must({"gc"});
  }
}

MEROS_ON_EACH_VMM(Killed);

}  // namespace
}  // namespace meros::test
