// What sshd would hand to the user's shell, handed to shells of ours.
#include "guest/remote_command.h"

#include <gtest/gtest.h>

#include "base/child.h"
#include "base/error.h"

namespace meros::guest {
namespace {

Output run_as_sshd_does(const RemoteCommand& command, const std::string& shell = "sh") {
  Command login;
  login.argv = {shell, "-c", remote_command_line(command)};
  return run(login);
}

RemoteCommand shell_script(const std::string& script) { return {{"sh", "-c", script}, {}, {}, "t1"}; }

TEST(RemoteCommand, GetsItsArgumentsAsTheyWere) {
  const RemoteCommand command{
      {"printf", "[%s]", "a b", "", "it's", "$HOME", "`id`", "\\", "*", "-n", "x\ny"}, {}, {}, "t"};
  for (const auto* shell : {"sh", "bash"})
    EXPECT_EQ(run_as_sshd_does(command, shell).out, "[a b][][it's][$HOME][`id`][\\][*][-n][x\ny]") << shell;
}

TEST(RemoteCommand, GetsItsVariablesAndDirectory) {
  RemoteCommand command = shell_script("printf '%s|%s' \"$A\" \"$PWD\"");
  command.environment = {parse_variable("A=x 'y' $z")};
  command.directory = "/usr";
  EXPECT_EQ(run_as_sshd_does(command).out, "x 'y' $z|/usr");
}

TEST(RemoteCommand, EndsAsTheCommandDid) {
  EXPECT_EQ(run_as_sshd_does(shell_script("exit 0")).status.code, 0);
  EXPECT_EQ(run_as_sshd_does(shell_script("exit 3")).status.code, 3);
  EXPECT_EQ(run_as_sshd_does(shell_script("exit 255")).status.code, 255);
  EXPECT_EQ(run_as_sshd_does(shell_script("kill -9 $$")).status.code, 137);
  EXPECT_EQ(run_as_sshd_does({{"no-such-program"}, {}, {}, "t"}).status.code, 127);
  EXPECT_EQ(run_as_sshd_does({{"/etc/passwd"}, {}, {}, "t"}).status.code, 126);
  RemoteCommand elsewhere = shell_script("exit 0");
  elsewhere.directory = "/nonexistent";
  EXPECT_EQ(run_as_sshd_does(elsewhere).status.code, 126);
}

TEST(RemoteCommand, TakesOnlyNamesOfVariables) {
  EXPECT_EQ(parse_variable("A_1=b=c"), (std::pair<std::string, std::string>("A_1", "b=c")));
  EXPECT_EQ(parse_variable("A=").second, "");
  for (const auto* text : {"A", "=x", "1A=x", "A B=x", "A;id=x", ""})
    EXPECT_THROW(parse_variable(text), InvalidError) << text;
}

TEST(RemoteSignal, ReachesTheCommandOfThatTagOnly) {
  Command login;
  login.argv = {"sh", "-c", remote_command_line({{"sleep", "60"}, {}, {}, "tagone"})};
  login.new_session = true;
  Child one = spawn(login);
  login.argv[2] = remote_command_line({{"sleep", "60"}, {}, {}, "tagtwo"});
  Child other = spawn(login);
  Command signal;
  signal.argv = {"sh", "-c", remote_signal_line("tagone", "TERM")};
  const Deadline deadline = Deadline::after(std::chrono::seconds(30));
  std::optional<ExitStatus> ended;
  while (!ended && !deadline.passed()) {  // it may not have got so far as to be named by its tag
    run(signal);
    ended = one.wait_until(Deadline::after(std::chrono::milliseconds(100)));
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->shell_code(), 143);
  EXPECT_FALSE(other.try_wait());
}

}  // namespace
}  // namespace meros::guest
