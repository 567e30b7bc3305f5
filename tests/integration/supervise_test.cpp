// `meros supervise`: a machine in the foreground, for systemd or a cluster engine.
#include <gmock/gmock.h>
#include <signal.h>

#include "base/file.h"
#include "integration/machine_test.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

class Supervise : public EachVmm {
 protected:
  Child supervise(const std::string& name) {
    Child child = spawn(home().meros_command({"supervise", name}));
    EXPECT_TRUE(comes_to_state(name, "running"));
    return child;
  }
  static std::optional<ExitStatus> end_of(Child& child) { return child.wait_until(Deadline::after(patience)); }
};

TEST_P(Supervise, StaysUntilTheMachineIsStopped) {
  create("web", vmm());
  Child foreground = supervise("web");
  EXPECT_TRUE(foreground.running());
  must({"stop", "web"});
  EXPECT_EQ(end_of(foreground).value().shell_code(), 0);
  must({"delete", "web"});
}

TEST_P(Supervise, StopsTheGuestGracefullyOnSigterm) {
  create("web", vmm());
  Child foreground = supervise("web");
  ASSERT_TRUE(comes_to_say("web", ready_line));
  foreground.kill(SIGTERM);
  EXPECT_EQ(end_of(foreground).value().shell_code(), 0);
  EXPECT_THAT(console_log_of("web"), HasSubstr(stop_line));
  EXPECT_EQ(state_of("web"), "stopped");
  must({"delete", "web"});
}

TEST_P(Supervise, StopsTheGuestGracefullyOnSigint) {
  create("web", vmm());
  Child foreground = supervise("web");
  ASSERT_TRUE(comes_to_say("web", ready_line));
  foreground.kill(SIGINT);
  EXPECT_EQ(end_of(foreground).value().shell_code(), 0);
  EXPECT_THAT(console_log_of("web"), HasSubstr(stop_line));
  must({"delete", "web"});
}

TEST_P(Supervise, ExitsAsTheVmmDid) {
  create("web", vmm());
  Child foreground = supervise("web");
  kill_and_wait(vmm_of("web"));
  EXPECT_EQ(end_of(foreground).value().shell_code(), 128 + SIGKILL);
  must({"delete", "web"});
}

TEST_P(Supervise, IsRefusedForAMachineThatRuns) {
  create_and_start("web", vmm());
  EXPECT_TRUE(fails_with(home().meros({"supervise", "web"}), ExitCode::busy, "already running"));
  EXPECT_EQ(state_of("web"), "running");
  must({"delete", "web"});
}

TEST_P(Supervise, DoesNotOutliveItsVerb) {
  create("web", vmm());
  Child foreground = supervise("web");
  const pid_t vmm = vmm_of("web");
  foreground.kill(SIGKILL);
  EXPECT_TRUE(eventually([&] { return !is_alive(vmm); }));
  EXPECT_TRUE(comes_to_state("web", "stopped"));
  end_of(foreground);
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(Supervise);

}  // namespace
}  // namespace meros::test
