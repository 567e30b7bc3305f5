// Verbs on one machine at the same time, and verbs whose output is waited for.
#include <gmock/gmock.h>

#include "integration/machine_test.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

class AtOnce : public EachVmm {
 protected:
  // So many of them, all started before the first is waited for; their exit codes.
  std::vector<int> run_at_once(int count, const std::vector<std::string>& arguments) {
    std::vector<Child> children;
    for (int i = 0; i < count; ++i) children.push_back(spawn(home().meros_command(arguments)));
    std::vector<int> codes;
    for (auto& child : children) {
      const auto ended = child.wait_until(Deadline::after(std::chrono::minutes(2)));
      codes.push_back(ended ? ended->shell_code() : -1);
    }
    return codes;
  }
};

TEST_P(AtOnce, TwentyStartsGiveOneMachine) {
  create("web", vmm());
  EXPECT_THAT(run_at_once(20, {"start", "web"}), testing::Each(0));
  EXPECT_EQ(state_of("web"), "running");
  std::vector<std::string> vmms;
  for (const auto& process : processes_of(home().volume("web"))) vmms.push_back(process.command_line);
  EXPECT_EQ(vmms.size(), 2U) << "a supervisor and a VMM, not " << testing::PrintToString(vmms);
  const auto events = events_of("web");
  EXPECT_EQ(std::count(events.begin(), events.end(), "running"), 1);
  must({"delete", "web"});
}

TEST_P(AtOnce, TwentyCreatesGiveOneMachine) {
  auto codes = run_at_once(20, create_arguments("web", vmm()));
  std::sort(codes.begin(), codes.end());
  std::vector<int> wanted(20, static_cast<int>(ExitCode::busy));
  wanted.front() = 0;
  EXPECT_EQ(codes, wanted);
  must({"start", "web"});
  must({"delete", "web"});
}

TEST_P(AtOnce, SeveralDeletesAreOneDelete) {
  create_and_start("web", vmm());
  auto codes = run_at_once(5, {"delete", "web"});
  std::sort(codes.begin(), codes.end());
  constexpr int gone = static_cast<int>(ExitCode::not_found);
  EXPECT_EQ(codes, (std::vector<int>{0, gone, gone, gone, gone}));
}

TEST_P(AtOnce, SeveralStopsAllSucceed) {
  create_and_start("web", vmm());
  EXPECT_THAT(run_at_once(5, {"stop", "web"}), testing::Each(0));
  EXPECT_EQ(state_of("web"), "stopped");
  must({"delete", "web"});
}

TEST_P(AtOnce, EveryMixEndsInPeace) {
  create("web", vmm());
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i)
    for (const std::string verb : {"start", "stop", "restart"})
      children.push_back(spawn(home().meros_command({verb, "web"})));
  for (auto& child : children) {
    const auto ended = child.wait_until(Deadline::after(std::chrono::minutes(2)));
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->shell_code(), 0);
  }
  must({"delete", "web"});
}

TEST_P(AtOnce, AStartWhoseOutputIsWaitedForReturns) {
  create("web", vmm());
  // run() reads to the end of the pipes, as the shell does for out=$(meros start web 2>&1).
  const Output output = run(home().meros_command({"start", "web"}), {}, Deadline::after(patience));
  EXPECT_TRUE(output.status.success());
  EXPECT_THAT(output.out, HasSubstr("started web"));
  EXPECT_EQ(state_of("web"), "running");
  must({"delete", "web"});
}

TEST_P(AtOnce, AVerbThatMustNotWaitSaysForWhom) {
  create_and_start("web", vmm(), Guest::deaf);
  Child stop = spawn(home().meros_command({"stop", "web", "--timeout", "60"}));
  ASSERT_TRUE(comes_to_state("web", "stopping"));
  EXPECT_TRUE(fails_with(home().meros({"pause", "web", "--lock-timeout", "0.1"}), ExitCode::busy,
                         "machine 'web' is in use by 'stop' by process " + std::to_string(stop.pid())));
  must({"stop", "web", "--force"});
  EXPECT_TRUE(stop.wait().success());
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(AtOnce);

}  // namespace
}  // namespace meros::test
