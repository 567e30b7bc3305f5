// Commands and shells in a real guest.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/text.h"
#include "e2e/guest_lab.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ExecInGuest : public InGuest {
 protected:
  static Result exec(std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), {"exec", "inside/web"});
    return lab().meros(words, input);
  }
  static Result sh(const std::string& script, std::string_view input = {}) {
    return exec({"--", "sh", "-c", script}, input);
  }
};

TEST_F(ExecInGuest, PassesArgumentsAndStreams) {
  const Result ran =
      exec({"-e", "A=x  y", "-w", "/usr", "--", "sh", "-c", "printf '[%s]' \"$@\" \"$A\" \"$PWD\"; cat; echo oops >&2",
            "sh", "a  b", "", "it's", "$x", "new\nline", "*", "-n", "\xff"},
           "input\n");
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, "[a  b][][it's][$x][new\nline][*][-n][\xff][x  y][/usr]input\n");
  EXPECT_EQ(ran.err, "oops\n");
  EXPECT_EQ(exec({"--", "id", "-un"}).out, "debian\n");
}

TEST_F(ExecInGuest, EndsAsTheCommandEnded) {
  for (const int status : {0, 3, 126, 127, 255}) EXPECT_EQ(sh("exit " + std::to_string(status)).code, status);
  EXPECT_EQ(exec({"--", "no-such-program"}).code, 127);
  EXPECT_EQ(exec({"--", "/etc/passwd"}).code, 126);
  EXPECT_EQ(exec({"-w", "/nowhere", "--", "true"}).code, 126);
  EXPECT_EQ(sh("kill -KILL $$").code, 128 + SIGKILL);
  EXPECT_EQ(sh("kill -SEGV $$").code, 128 + SIGSEGV);
}

TEST_F(ExecInGuest, PassesMuchInputAndOutputWhole) {
  std::string input(3U << 20, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i * 2654435761U >> 13);
  const Result ran = exec({"--", "cat"}, input);
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(ran.out == input) << ran.out.size() << " bytes came back";
}

TEST_F(ExecInGuest, HasATerminalWhereOneIsWanted) {
  EXPECT_EQ(exec({"-t", "--", "test", "-t", "0"}).code, 0);
  EXPECT_EQ(exec({"--", "test", "-t", "0"}).code, 1);
}

TEST_F(ExecInGuest, HandsSignalsToTheCommand) {
  for (const auto& [signal, name] : {std::pair{SIGTERM, "TERM"}, std::pair{SIGINT, "INT"}, std::pair{SIGHUP, "HUP"}}) {
    lab().in_guest("inside/web", "rm -f ready");
    const std::string script = std::string("trap 'exit 9' ") + name + "; : >ready; while :; do sleep 0.1; done";
    Child running = spawn(lab().command({"exec", "inside/web", "--", "sh", "-c", script}));
    ASSERT_TRUE(eventually([&] { return sh("test -e ready").code == 0; }));
    running.kill(signal);
    const auto status = running.wait_until(Deadline::after(patience));
    ASSERT_TRUE(status) << name;
    EXPECT_EQ(status->shell_code(), 9) << name;
  }
}

TEST_F(ExecInGuest, EndsTheCommandWhenASecondSignalComes) {
  lab().in_guest("inside/web", "rm -f ready");
  const std::string script = "trap '' TERM; : >ready; while :; do sleep 0.1; done";
  Child running = spawn(lab().command({"exec", "inside/web", "--", "sh", "-c", script}));
  ASSERT_TRUE(eventually([&] { return sh("test -e ready").code == 0; }));
  running.kill(SIGTERM);
  EXPECT_FALSE(running.wait_until(Deadline::after(std::chrono::seconds(2))));
  running.kill(SIGTERM);
  EXPECT_TRUE(running.wait_until(Deadline::after(patience)));
  sh("pkill -KILL -f '[w]hile :; do sleep'");
}

TEST_F(ExecInGuest, RunsInAllAndEndsWithTheWorst) {
  const std::string script = "hostname; hostname >&2; test $(hostname) = web && exit 3; exit 4";
  const Result ran = lab().meros({"exec", "--all", "inside", "--", "sh", "-c", script});
  EXPECT_EQ(ran.code, 4);
  for (const auto& text : {ran.out, ran.err}) {
    EXPECT_THAT(text, HasSubstr("inside/web | web\n"));
    EXPECT_THAT(text, HasSubstr("inside/db  | db\n"));
  }
}

TEST_F(ExecInGuest, IsAsConnectIsByAnyOfItsNames) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"connect", "inside", "web"}, {"connect", "inside/web"}, {"connect", "web"}, {"-c", "inside", "web"}}) {
    auto arguments = words;
    arguments.insert(arguments.end(), {"--", "-T", "hostname; exit 7"});
    const Result ran = lab().meros(arguments);
    EXPECT_EQ(ran.code, 7);
    EXPECT_EQ(ran.out, "web\n") << ran.err;
  }
}

TEST_F(ExecInGuest, SshConfigIsAllThatSshScpAndRsyncNeed) {
  const Result config = lab().meros({"ssh-config", "inside"});
  ASSERT_TRUE(succeeds(config));
  const auto file = lab().home().write("inside.ssh", config.out).string();
  const auto local = lab().home().write("by scp", "content").string();
  lab().give_away(local);
  for (const auto* name : {"web.inside", "inside/web"}) {
    const Result ssh = lab().on_host({"ssh", "-F", file, name, "hostname"});
    EXPECT_EQ(ssh.out, "web\n") << ssh.err;
  }
  EXPECT_TRUE(succeeds(lab().on_host({"scp", "-q", "-F", file, local, "db.inside:by-scp"})));
  EXPECT_TRUE(succeeds(lab().on_host({"rsync", "-e", "ssh -F " + file, "db.inside:by-scp", local + " again"})));
  EXPECT_EQ(read_file(local + " again"), "content");
}

TEST_F(ExecInGuest, NarrowsAKeyOfOursThatOthersCanRead) {
  const auto key = lab().data() / "ssh_keys/inside-web-id_ed25519";
  fs::permissions(key, fs::perms(0644));
  EXPECT_EQ(exec({"--", "true"}).code, 0);
  EXPECT_EQ(fs::status(key).permissions(), fs::perms(0600));
  // Somebody else's key is not ours to change.
  const std::string copy = lab().copy_of_key("web");
  fs::permissions(copy, fs::perms(0644));
  const Result refused = exec({"--identity", copy, "--", "true"});
  EXPECT_TRUE(fails_with(refused, ExitCode::failed, "UNPROTECTED PRIVATE KEY FILE"));
  EXPECT_EQ(fs::status(copy).permissions(), fs::perms(0644));
}

// The machine's own host key is changed, which is what another machine in its place would look like.
TEST_F(ExecInGuest, RefusesAHostKeyThatChangedAndTakesItWhenNamed) {
  const std::string keys = "/etc/ssh/ssh_host_ed25519_key";
  const auto pinned = lab().home().write("old.pub", lab().in_guest("inside/db", "cat " + keys + ".pub"));
  const auto known = lab().data() / "ssh_keys/known_hosts";
  const std::string before = read_file(known);
  lab().in_guest("inside/db", "sudo cp -a /etc/ssh /etc/ssh.old && sudo rm " + keys + "* && sudo ssh-keygen -q -t " +
                                  "ed25519 -N '' -f " + keys + " && sudo systemctl restart ssh");
  const auto changed = lab().home().write("new.pub", lab().in_guest("inside/db", "cat " + keys + ".pub"));
  const auto anew = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"exec", "inside/db", "--identity", lab().copy_of_key("db")};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "true"});
    return lab().meros(words);
  };
  const Result refused = anew({});
  EXPECT_TRUE(fails_with(refused, ExitCode::failed, "REMOTE HOST IDENTIFICATION HAS CHANGED"));
  EXPECT_THAT(refused.err, HasSubstr("a host key that changed for a good reason is named with --host-key FILE"));
  EXPECT_EQ(read_file(known), before);
  EXPECT_TRUE(succeeds(anew({"--host-key", changed.string()})));
  EXPECT_TRUE(succeeds(anew({})));
  lab().in_guest("inside/db", "sudo rm -r /etc/ssh && sudo mv /etc/ssh.old /etc/ssh && sudo systemctl restart ssh");
  EXPECT_TRUE(succeeds(anew({"--host-key", pinned.string()})));
}

TEST_F(ExecInGuest, SaysThatThereIsNoSshServer) {
  lab().in_guest("inside/db",
                 "sudo systemctl stop ssh && sudo systemd-run -q --on-active=6 --timer-property=AccuracySec=100ms "
                 "systemctl start ssh");
  const auto begin = std::chrono::steady_clock::now();
  const Result refused = lab().meros({"exec", "inside/db", "--identity", lab().copy_of_key("db"), "--", "true"});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  EXPECT_TRUE(
      fails_with(refused, ExitCode::failed, "machine 'inside/db': no SSH server answers: cannot reach 10.0.2."));
  EXPECT_THAT(refused.err, HasSubstr("hint: use its console: meros console inside/db\n"));
  EXPECT_TRUE(eventually([&] {
    return lab().meros({"exec", "inside/db", "--identity", lab().copy_of_key("db"), "--", "true"}).code == 0;
  }));
}

TEST_F(ExecInGuest, SaysThatAUserIsNotLetIn) {
  const Result refused = exec({"--user", "stranger", "--", "true"});
  EXPECT_TRUE(fails_with(refused, ExitCode::failed, "Permission denied (publickey)"));
}

}  // namespace
}  // namespace meros::test
