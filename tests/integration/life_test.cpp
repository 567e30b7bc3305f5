// A machine's life from create to delete, on each VMM.
#include <gmock/gmock.h>

#include "integration/machine_test.h"

namespace meros::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::StartsWith;

class Life : public EachVmm {};

TEST_P(Life, GoesFromCreatedToGone) {
  create("web", vmm());
  EXPECT_EQ(state_of("web"), "created");

  EXPECT_THAT(must({"start", "web"}), StartsWith("started web (" + vmm().driver));
  EXPECT_EQ(state_of("web"), "running");
  EXPECT_TRUE(comes_to_say("web", ready_line));

  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  EXPECT_EQ(state_of("web"), "stopped");
  EXPECT_THAT(console_log_of("web"), HasSubstr(stop_line));

  EXPECT_EQ(must({"delete", "web"}), "deleted web\n");
  EXPECT_TRUE(fails_with(home().meros({"info", "web"}), ExitCode::not_found, "no such machine 'web'"));
}

TEST_P(Life, IsWrittenDownAsEvents) {
  create_and_start("web", vmm());
  must({"pause", "web"});
  must({"resume", "web"});
  must({"stop", "web"});
  EXPECT_THAT(events_of("web"),
              ElementsAre("created", "starting", "running", "paused", "resumed", "stopping", "stopped"));
  must({"delete", "web"});
}

TEST_P(Life, StartsAnewAfterItsEnd) {
  create_and_start("web", vmm());
  must({"stop", "web"});
  must({"start", "web"});
  EXPECT_EQ(state_of("web"), "running");
  must({"delete", "web"});
}

TEST_P(Life, TellsWhatItRunsBy) {
  create_and_start("web", vmm());
  const Json web = info("web");
  EXPECT_EQ(get<std::string>(web, "driver"), vmm().driver);
  EXPECT_TRUE(is_alive(get<pid_t>(web, "supervisor_pid")));
  EXPECT_TRUE(is_alive(get<pid_t>(web, "vmm_pid")));
  EXPECT_THAT(children_of(get<pid_t>(web, "supervisor_pid")), ElementsAre(get<pid_t>(web, "vmm_pid")));
  must({"delete", "web"});
}

TEST_P(Life, PausesAndResumes) {
  create_and_start("web", vmm());
  EXPECT_EQ(must({"pause", "web"}), "paused web\n");
  EXPECT_EQ(state_of("web"), "paused");
  EXPECT_TRUE(succeeds(home().meros({"pause", "web"}))) << "it is paused, which is what was wanted";
  EXPECT_EQ(must({"resume", "web"}), "resumed web\n");
  EXPECT_EQ(state_of("web"), "running");
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

TEST_P(Life, StopsGracefullyWhilePaused) {
  create_and_start("web", vmm());
  must({"pause", "web"});
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

TEST_P(Life, RestartIsAnotherRun) {
  create_and_start("web", vmm());
  const pid_t before = vmm_of("web");
  EXPECT_THAT(must({"restart", "web"}), StartsWith("restarted web"));
  EXPECT_EQ(state_of("web"), "running");
  EXPECT_NE(vmm_of("web"), before);
  EXPECT_FALSE(is_alive(before));
  must({"delete", "web"});
}

TEST_P(Life, StartOfARunningMachineSaysSo) {
  create_and_start("web", vmm());
  EXPECT_EQ(must({"start", "web"}), "web is already running\n");
  must({"delete", "web"});
}

TEST_P(Life, StopOfAStoppedMachineSaysSo) {
  create("web", vmm());
  EXPECT_EQ(must({"stop", "web"}), "web is already stopped\n");
  must({"delete", "web"});
}

TEST_P(Life, DeleteStopsFirst) {
  create_and_start("web", vmm());
  const pid_t supervisor = supervisor_of("web");
  must({"delete", "web"});
  EXPECT_FALSE(is_alive(supervisor));
}

TEST_P(Life, ASecondDeleteFindsNoSuchMachine) {
  create("web", vmm());
  must({"delete", "web"});
  EXPECT_TRUE(fails_with(home().meros({"delete", "web"}), ExitCode::not_found, "no such machine 'web'"));
  EXPECT_TRUE(succeeds(home().meros({"delete", "web", "--if-exists"})));
}

TEST_P(Life, AGuestThatDoesNotListenIsTerminated) {
  create_and_start("web", vmm(), Guest::deaf);
  EXPECT_THAT(must({"stop", "web", "--timeout", "0.2"}), HasSubstr("SIGTERM"));
  EXPECT_EQ(state_of("web"), "stopped");
  must({"delete", "web"});
}

TEST_P(Life, ForceDoesNotAskTheGuest) {
  create_and_start("web", vmm());
  EXPECT_EQ(must({"stop", "web", "--force"}), "stopped web (SIGKILL)\n");
  EXPECT_THAT(console_log_of("web"), testing::Not(HasSubstr(stop_line)));
  must({"delete", "web"});
}

TEST_P(Life, ForceEndsAStopThatWaits) {
  create_and_start("web", vmm(), Guest::deaf);
  Child waiting = spawn(home().meros_command({"stop", "web", "--timeout", "100"}));
  ASSERT_TRUE(comes_to_state("web", "stopping"));
  must({"stop", "web", "--force"});
  EXPECT_TRUE(waiting.wait().success());
  must({"delete", "web"});
}

TEST_P(Life, AGuestThatEndsByItselfIsStopped) {
  create_and_start("web", vmm(), Guest::brief);
  EXPECT_TRUE(comes_to_state("web", "stopped"));
  EXPECT_EQ(supervisor_of("web"), 0);
  EXPECT_THAT(console_log_of("web"), HasSubstr("ends by itself"));
  must({"delete", "web"});
}

// Firecracker ends with either code then, QEMU with 0.
TEST_P(Life, AGuestThatCrashesHasEnded) {
  create_and_start("web", vmm(), Guest::crash);
  EXPECT_TRUE(eventually([&] { return supervisor_of("web") == 0; }));
  EXPECT_THAT(state_of("web"), testing::AnyOf("stopped", "failed"));
  EXPECT_THAT(console_log_of("web"), HasSubstr(ready_line));
  must({"delete", "web"});
}

TEST_P(Life, LeavesNoSocketAndNoPidFileWhenItStops) {
  create_and_start("web", vmm());
  must({"stop", "web"});
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home().volume("web")))
    if (!entry.is_directory()) files.push_back(entry.path().filename());
  EXPECT_THAT(files,
              testing::Each(testing::Not(testing::AnyOf(testing::EndsWith(".sock"), testing::EndsWith(".pid")))));
  must({"delete", "web"});
}

TEST_P(Life, PsListsWhatRuns) {
  create("idle", vmm());
  create_and_start("web", vmm());
  const auto names = [&](std::vector<std::string> arguments) {
    std::vector<std::string> found;
    for (const auto& machine : parse_json(must(std::move(arguments)), "ps"))
      found.push_back(get<std::string>(machine, "name"));
    return found;
  };
  EXPECT_THAT(names({"ps", "-o", "json"}), ElementsAre("web"));
  EXPECT_THAT(names({"ps", "-a", "-o", "json"}), ElementsAre("idle", "web"));
  must({"delete", "--all", "--yes"});
  EXPECT_THAT(names({"ps", "-a", "-o", "json"}), ElementsAre());
}

TEST_P(Life, SurvivesAMoveOfItsVolume) {
  create("web", vmm());
  std::filesystem::rename(home().volume("web"), home().volume("shop"));
  EXPECT_TRUE(succeeds(home().meros({"start", "shop"})));
  EXPECT_TRUE(comes_to_say("shop", ready_line));
  must({"delete", "shop"});
}

TEST_P(Life, WorksInAVolumeWithALongPath) {
  // Unix socket addresses hold 107 bytes.
  std::string deep;
  while (deep.size() < 240) deep += "/a-directory-with-a-long-name";
  home().add_environment("MEROS_DATA_DIR=" + home().data_dir().string() + deep);
  create("web", vmm());
  must({"start", "web"});
  EXPECT_EQ(state_of("web"), "running");
  must({"pause", "web"});
  must({"resume", "web"});
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(Life);

// On QEMU's q35 there is ACPI.
class LifeOnAPc : public MachineTest {};

TEST_F(LifeOnAPc, StopsByThePowerButton) {
  create_and_start("web", qemu(), Guest::halt_pc);
  ASSERT_TRUE(comes_to_say("web", ready_line));
  EXPECT_EQ(must({"stop", "web"}), "stopped web (acpi-powerdown)\n");
  must({"delete", "web"});
}

}  // namespace
}  // namespace meros::test
