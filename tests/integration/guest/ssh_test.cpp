// exec, connect and ssh-config, through the system's ssh.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/text.h"
#include "integration/guest/ssh_guest.h"

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Exec : public SshGuest {};

TEST_F(Exec, PassesArgumentsInputOutputAndStatus) {
  start_sshd();
  const Result ran = in_guest(
      "exec", {"--", "sh", "-c", "printf '[%s]' \"$@\"; cat; echo oops >&2; exit 3", "sh", "a b", "", "it's", "$x"},
      "input");
  EXPECT_EQ(ran.code, 3);
  EXPECT_EQ(ran.out, "[a b][][it's][$x]input");
  EXPECT_EQ(ran.err, "oops\n");
  for (const int status : {0, 1, 126, 127, 254, 255})
    EXPECT_EQ(in_guest("exec", {"--", "sh", "-c", "exit " + std::to_string(status)}).code, status);
  EXPECT_EQ(in_guest("exec", {"--", "sh", "-c", "kill -KILL $$"}).code, 137);
  EXPECT_EQ(in_guest("exec", {"--", "no-such-program"}).code, 127);
  EXPECT_EQ(in_guest("exec", {"--", "/etc/passwd"}).code, 126);
  EXPECT_EQ(in_guest("exec", {"-e", "A=x y", "-w", "/usr", "--", "sh", "-c", "echo $A $PWD"}).out, "x y /usr\n");
  EXPECT_EQ(in_guest("exec", {"-t", "--", "test", "-t", "0"}).code, 0);
  EXPECT_EQ(in_guest("exec", {"--", "test", "-t", "0"}).code, 1);
}

TEST_F(Exec, HandsSignalsToTheCommand) {
  start_sshd();
  auto arguments = login();
  arguments.insert(arguments.begin(), {"exec", "web"});
  const std::string script = "trap 'exit 9' TERM; : >/root/ready; while :; do sleep 0.05; done";
  arguments.insert(arguments.end(), {"--", "sh", "-c", script});
  Child running = spawn(home().meros_command(arguments));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(guest_home() / "ready"); }));
  running.kill(SIGTERM);
  const auto status = running.wait_until(Deadline::after(patience));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->shell_code(), 9);
}

TEST_F(Exec, MarksTheLinesOfAllAndEndsWithTheWorst) {
  start_sshd();
  const Result ran = in_guest("exec", {"--all", "--", "sh", "-c", "echo out; echo err >&2; exit 4"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_EQ(ran.out, "web | out\n");
  EXPECT_EQ(ran.err, "web | err\n");
}

TEST_F(Exec, SaysWhyThereIsNoWayIn) {
  EXPECT_TRUE(fails_with(home().meros({"exec", "web", "--", "true"}), ExitCode::usage,
                         "it is not known who can log in to 'web'\nhint: name the user with --user"));
  EXPECT_TRUE(fails_with(in_guest("exec", {"--", "true"}), ExitCode::failed, "the host key of 'web' is not known"));
  const Result refused = in_guest("exec", {"--host-key", host_key().string() + ".pub", "--", "true"});
  EXPECT_TRUE(fails_with(refused, ExitCode::failed,
                         "machine 'web': no SSH server answers: cannot reach 10.99.0.2:22: Connection refused"));
  EXPECT_THAT(refused.err, HasSubstr("hint: use its console: meros console web\n"));
  must({"stop", "web", "--force"});
  EXPECT_TRUE(fails_with(in_guest("exec", {"--", "true"}), ExitCode::failed, "machine 'web' does not run (stopped)"));
  EXPECT_TRUE(fails_with(in_guest("exec", {"-e", "1x=y", "--", "true"}), ExitCode::invalid, "not NAME=VALUE"));
  EXPECT_TRUE(fails_with(in_guest("exec", {}), ExitCode::usage, "no command is given"));
}

TEST_F(Exec, RefusesAHostKeyThatChanged) {
  start_sshd();
  must({"restart", "web", "--force"});  // a connection that is up would be used again
  change_host_key();
  Command again;
  const Result stale = [&] {
    // The pinned key is the old one, so starting it anew by start_sshd() would pin the new one.
    again.argv = {"/usr/sbin/sshd", "-D", "-e", "-f", (home().path() / "sshd/config").string()};
    const Child sshd = spawn(again);
    Result tried;
    eventually([&] {
      tried = in_guest("exec", {"--", "true"});
      return tried.err.find("refused") == std::string::npos;
    });
    return tried;
  }();
  EXPECT_TRUE(fails_with(stale, ExitCode::failed, "REMOTE HOST IDENTIFICATION HAS CHANGED"));
  EXPECT_THAT(stale.err, HasSubstr("--host-key"));
}

TEST_F(Exec, RefusesAnIdentityThatIsNotThere) {
  start_sshd();
  const Result ran = home().meros({"exec", "web", "--user", "root", "--identity", "/nowhere/key", "--", "true"});
  EXPECT_TRUE(
      fails_with(ran, ExitCode::failed, "cannot read the private key '/nowhere/key': No such file or directory"));
}

TEST_F(Exec, SharesOneConnectionThatGoesWithTheMachine) {
  start_sshd();
  const auto sockets = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(home().volume("web")))
      if (entry.path().filename().string().starts_with("ssh-")) ++count;
    return count;
  };
  EXPECT_EQ(sockets(), 1U);
  must({"stop", "web", "--force"});
  EXPECT_EQ(sockets(), 0U);
}

class Connect : public SshGuest {};

TEST_F(Connect, HandsItsWordsToSsh) {
  start_sshd();
  const Result ran = in_guest("connect", {"--", "-T", "echo $((1 + 1)); exit 7"});
  EXPECT_EQ(ran.code, 7);
  EXPECT_EQ(ran.out, "2\n");
  auto short_form = login();
  short_form.insert(short_form.begin(), {"-c", "web"});
  short_form.insert(short_form.end(), {"--", "-T", "echo short"});
  EXPECT_EQ(home().meros(short_form).out, "short\n");
}

class SshConfig : public SshGuest {};

TEST_F(SshConfig, IsAllThatSshNeeds) {
  start_sshd();
  const Result config = in_guest("ssh-config", {});
  ASSERT_TRUE(succeeds(config));
  EXPECT_THAT(config.out, StartsWith("Host web web.meros\n"));
  const auto file = home().write("config", config.out);
  Command ssh;
  ssh.argv = {"ssh", "-F", file.string(), "web", "echo it works"};
  EXPECT_EQ(run(ssh).out, "it works\n");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace meros::test
