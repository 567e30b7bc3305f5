// What happens when a VMM ends that nobody asked to.
#include <gmock/gmock.h>
#include <signal.h>

#include "integration/machine_test.h"

namespace meros::test {
namespace {

using testing::Contains;

class Restarting : public EachVmm {
 protected:
  // Kills the VMM and waits for another one.
  void kill_and_expect_another() {
    const pid_t before = vmm_of("web");
    kill_and_wait(before);
    ASSERT_TRUE(eventually([&] {
      const Json web = info("web");
      return get<std::string>(web, "state") == "running" && get<pid_t>(web, "vmm_pid") != before;
    }));
  }
};

TEST_P(Restarting, NoIsNo) {
  create_and_start("web", vmm());
  kill_and_wait(vmm_of("web"));
  EXPECT_TRUE(comes_to_state("web", "failed"));
  EXPECT_EQ(get<int>(info("web"), "restarts"), 0);
  must({"delete", "web"});
}

TEST_P(Restarting, OnFailureStartsItAgain) {
  create_and_start("web", vmm(), Guest::halt, {"--restart", "on-failure"});
  kill_and_expect_another();
  EXPECT_EQ(get<int>(info("web"), "restarts"), 1);
  EXPECT_THAT(events_of("web"), Contains("restarting"));
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

TEST_P(Restarting, OnFailureGivesUpAfterItsLimit) {
  create_and_start("web", vmm(), Guest::halt, {"--restart", "on-failure:2"});
  kill_and_expect_another();
  kill_and_expect_another();
  kill_and_wait(vmm_of("web"));
  EXPECT_TRUE(comes_to_state("web", "failed"));
  EXPECT_THAT(events_of("web"), Contains("restarting").Times(2));
  must({"delete", "web"});
}

TEST_P(Restarting, OnFailureLeavesAGuestThatEndedWell) {
  create_and_start("web", vmm(), Guest::brief, {"--restart", "on-failure"});
  EXPECT_TRUE(comes_to_state("web", "stopped"));
  EXPECT_THAT(events_of("web"), Contains("restarting").Times(0));
  must({"delete", "web"});
}

TEST_P(Restarting, AlwaysStartsAGuestThatEndedWell) {
  create_and_start("web", vmm(), Guest::brief, {"--restart", "always"});
  EXPECT_TRUE(eventually([&] { return get<int>(info("web"), "restarts") >= 2; }));
  must({"stop", "web"});
  EXPECT_EQ(supervisor_of("web"), 0) << "a machine that was stopped stays so";
  must({"delete", "web"});
}

TEST_P(Restarting, AStopIsNoReasonToStart) {
  create_and_start("web", vmm(), Guest::halt, {"--restart", "always"});
  must({"stop", "web"});
  EXPECT_EQ(state_of("web"), "stopped");
  EXPECT_THAT(events_of("web"), Contains("restarting").Times(0));
  must({"delete", "web"});
}

TEST_P(Restarting, AStopEndsThePauseBeforeTheNextTry) {
  create_and_start("web", vmm(), Guest::brief, {"--restart", "always"});
  ASSERT_TRUE(eventually([&] { return get<int>(info("web"), "restarts") >= 3; }));
  const auto begin = Deadline::clock::now();
  must({"stop", "web"});
  EXPECT_LT(Deadline::clock::now() - begin, std::chrono::seconds(5));
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(Restarting);

}  // namespace
}  // namespace meros::test
