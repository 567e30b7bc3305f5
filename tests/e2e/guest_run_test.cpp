// Graphical applications of a real guest, on a compositor without a screen.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <csignal>

#include "base/text.h"
#include "base/unix_socket.h"
#include "e2e/guest_lab.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// An application's first picture, from an emulated guest on a busy host.
constexpr std::chrono::minutes time_to_show{2};

constexpr auto compositor_config = R"([shell]
panel-position=none
background-color=0xff000000
animation=none
close-animation=none
focus-animation=none
startup-animation=none
locking=false
)";

class RunInGuest : public InGuest {
 protected:
  void SetUp() override {
    InGuest::SetUp();
    if (IsSkipped()) return;
    for (const char* program : {"weston", "weston-screenshooter", "waypipe"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    start_compositor();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    compositor_.kill(SIGTERM);
    compositor_.wait();
    EXPECT_TRUE(eventually([] { return sockets_here().empty(); }));
    lab().in_guest("inside/web", "! ls -d /tmp/meros-run-* 2>/dev/null");
  }

  static Command run_command(std::vector<std::string> words, const std::string& display = "wayland-test") {
    words.insert(words.begin(), "run");
    Command command = lab().command(words);
    command.environment.push_back("WAYLAND_DISPLAY=" + display);
    return command;
  }
  static Result run_to_end(const Command& command) { return lab().home().run_to_end(command); }

  static std::string screenshot() {
    const auto place = lab().make_directory("screenshot");
    const Fd directory = open_file(place, O_RDONLY | O_DIRECTORY);
    Command shoot = lab().command({});
    shoot.argv = {"weston-screenshooter"};
    shoot.environment.emplace_back("WAYLAND_DISPLAY=wayland-test");
    shoot.working_directory = directory.get();
    EXPECT_TRUE(succeeds(lab().home().run_to_end(shoot)));
    std::string picture;
    for (const auto& entry : fs::directory_iterator(place)) picture = read_file(entry.path());
    fs::remove_all(place);
    return picture;
  }
  // A PNG of one colour takes some hundred bytes, and one with that application's rings ten thousand.
  static bool is_blank(const std::string& picture) { return picture.size() < 1000; }
  static std::vector<std::string> sockets_here() {
    std::vector<std::string> found;
    if (!fs::exists(lab().path() / "run/meros")) return found;
    for (const auto& entry : fs::directory_iterator(lab().path() / "run/meros"))
      if (entry.path().filename().string().starts_with("run-")) found.push_back(entry.path().filename());
    return found;
  }
  // The processes of waypipe here and there.
  static std::size_t waypipes_here() {
    std::size_t count = 0;
    for (const auto& process : processes_of(lab().path()))
      if (process.command_line.starts_with("waypipe ")) ++count;
    return count;
  }
  static std::string left_in_guest() {
    return lab().in_guest("inside/web",
                          "ls -d /tmp/meros-run-* 2>/dev/null; grep -ls weston-simple-sh[m] /proc/[0-9]*/cmdline; :");
  }
  static bool comes_to_run_in_guest() {
    return eventually([] { return left_in_guest().find("/proc/") != std::string::npos; }, time_to_show);
  }

 private:
  void start_compositor() {
    const auto config = lab().home().write("weston.ini", compositor_config);
    Command weston = lab().command({});
    weston.argv = {"weston",
                   "--backend=headless-backend.so",
                   "--use-pixman",
                   "--width=320",
                   "--height=320",
                   "--idle-time=0",
                   "--socket=wayland-test",
                   "--debug",
                   "--config=" + config.string()};
    compositor_ = spawn(weston);
    const std::string socket = lab().path() / "run/wayland-test";
    ASSERT_TRUE(eventually([&] { return fs::exists(socket) && connect_unix(socket).has_value(); }));
  }
  Child compositor_;
};

TEST_F(RunInGuest, ShowsTheWindowOfAnApplicationHere) {
  ASSERT_TRUE(eventually([] { return is_blank(screenshot()); }));
  Child running = spawn(run_command({"inside", "web", "--", "weston-simple-shm"}));
  EXPECT_TRUE(eventually([] { return !is_blank(screenshot()); }, time_to_show));
  running.kill(SIGTERM);
  EXPECT_EQ(running.wait().shell_code(), 128 + SIGTERM);
  EXPECT_TRUE(eventually([] { return is_blank(screenshot()); }));
  EXPECT_EQ(waypipes_here(), 0U);
  EXPECT_EQ(left_in_guest(), "");
}

TEST_F(RunInGuest, EndsAsTheApplicationEnded) {
  const Result ran = run_to_end(run_command({"inside/web", "-e", "A=x  y", "--", "sh", "-c",
                                             "echo \"$1\" \"$A\"; test -S $WAYLAND_DISPLAY && exit 5", "sh", "a  b"}));
  EXPECT_EQ(ran.code, 5) << ran.err;
  EXPECT_EQ(ran.out, "a  b x  y\n");
  EXPECT_EQ(run_to_end(run_command({"web", "--", "sh", "-c", "kill -KILL $$"})).code, 128 + SIGKILL);
  EXPECT_EQ(run_to_end(run_command({"web", "--", "no-such-program"})).code, 127);
  Command short_form = run_command({});
  short_form.argv.resize(1);
  short_form.argv.insert(short_form.argv.end(), {"--run", "exit 6", "inside", "web"});
  EXPECT_EQ(run_to_end(short_form).code, 6);
}

TEST_F(RunInGuest, LeavesNothingWhenItIsKilled) {
  Child running = spawn(run_command({"inside", "web", "--", "weston-simple-shm"}));
  ASSERT_TRUE(comes_to_run_in_guest());
  running.kill(SIGKILL);
  running.wait();
  EXPECT_TRUE(eventually([] { return waypipes_here() == 0; }));
  EXPECT_TRUE(eventually([] { return left_in_guest().empty(); })) << left_in_guest();
  // The next one removes the name of its socket.
  EXPECT_EQ(run_to_end(run_command({"web", "--", "true"})).code, 0);
  EXPECT_THAT(sockets_here(), IsEmpty());
}

TEST_F(RunInGuest, EndsWithWaypipeHereAndWithTheCompositor) {
  Child running = spawn(run_command({"inside", "web", "--", "sh", "-c", "weston-simple-shm; sleep 1000"}));
  ASSERT_TRUE(comes_to_run_in_guest());
  for (const auto& process : processes_of(lab().path()))
    if (process.command_line.starts_with("waypipe ")) ::kill(process.pid, SIGKILL);
  const auto status = running.wait_until(Deadline::after(patience));
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->success());
  EXPECT_TRUE(eventually([] { return left_in_guest().empty(); })) << left_in_guest();
}

TEST_F(RunInGuest, HasASocketOfItsOwnForEach) {
  Child one = spawn(run_command(
      {"inside", "web", "--", "sh", "-c", "trap 'exit 9' INT; while :; do sleep 0.1; done; : weston-simple-shm"}));
  ASSERT_TRUE(comes_to_run_in_guest());
  Child other = spawn(run_command({"inside", "web", "--", "true"}));
  EXPECT_TRUE(other.wait().success());
  EXPECT_EQ(sockets_here().size(), 1U);
  EXPECT_TRUE(one.running());
  one.kill(SIGINT);
  EXPECT_EQ(one.wait().shell_code(), 9);
}

TEST_F(RunInGuest, NamesWhatIsMissing) {
  EXPECT_TRUE(fails_with(run_to_end(run_command({"inside", "db", "--", "true"})), ExitCode::failed,
                         "machine 'inside/db' lacks waypipe\nhint: install it there: meros exec inside/db -- sudo "
                         "apt-get install waypipe, or name it under packages: in the manifest"));
  EXPECT_TRUE(fails_with(run_to_end(run_command({"inside", "web", "--x11", "--", "true"})), ExitCode::failed,
                         "machine 'inside/web' lacks xwayland"));
  const Command nowhere = run_command({"inside", "web", "--", "true"}, "nowhere");
  EXPECT_TRUE(fails_with(run_to_end(nowhere), ExitCode::host_lacks, "there is no Wayland display here"));
  Command without = run_command({"inside", "web", "--", "true"});
  const auto programs = lab().make_directory("programs");
  fs::create_symlink(*find_program("ssh"), programs / "ssh");
  without.environment.push_back("PATH=" + programs.string());
  EXPECT_TRUE(fails_with(run_to_end(without), ExitCode::host_lacks,
                         "the program 'waypipe' is not installed\nhint: install it: apt install waypipe"));
  fs::remove_all(programs);
}

}  // namespace
}  // namespace meros::test
