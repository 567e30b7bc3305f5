// The command lines of ssh and rsync for a machine.
#include "guest/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "guest/transfer.h"

namespace meros::guest {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

SshTarget web() {
  Login login;
  login.user = "debian";
  login.identity = "/data/ssh_keys/lab-web-id_ed25519";
  login.known_hosts = "/data/ssh_keys/known_hosts";
  login.host_key_alias = "web.lab.meros";
  return {"web.lab.meros",
          {"/usr/bin/meros", "dial", "--data-dir", "/data", "lab/web"},
          login,
          "/run/meros/12/ssh-34.sock"};
}

TEST(Ssh, PinsTheHostKeyAndDialsThroughUs) {
  EXPECT_EQ(join(ssh_argv(web(), {"-T"}), "\n"),
            "ssh\n"
            "-o\nUser=debian\n"
            "-o\nHostKeyAlias=web.lab.meros\n"
            "-o\nUserKnownHostsFile=/data/ssh_keys/known_hosts\n"
            "-o\nGlobalKnownHostsFile=/dev/null\n"
            "-o\nStrictHostKeyChecking=yes\n"
            "-o\nUpdateHostKeys=no\n"
            "-o\nCheckHostIP=no\n"
            "-o\nProxyCommand=/usr/bin/meros dial --data-dir /data lab/web\n"
            "-o\nProxyUseFdpass=yes\n"
            "-o\nServerAliveInterval=10\n"
            "-o\nServerAliveCountMax=3\n"
            "-o\nIdentityFile=/data/ssh_keys/lab-web-id_ed25519\n"
            "-o\nIdentitiesOnly=yes\n"
            "-o\nPasswordAuthentication=no\n"
            "-o\nKbdInteractiveAuthentication=no\n"
            "-o\nControlMaster=auto\n"
            "-o\nControlPath=/run/meros/12/ssh-34.sock\n"
            "-o\nControlPersist=60\n"
            "-T\n"
            "web.lab.meros");
}

TEST(Ssh, QuotesWhatSshWouldSplitOrExpand) {
  auto target = web();
  target.login.identity = "/my data/100%/id";
  target.proxy = {"/my programs/meros", "dial", "--data-dir", "/my data/100%", "lab/web"};
  const auto argv = ssh_argv(target);
  EXPECT_THAT(argv, Contains("IdentityFile=\"/my data/100%%/id\""));
  EXPECT_THAT(argv, Contains("ProxyCommand='/my programs/meros' dial --data-dir '/my data/100%%' lab/web"));
}

TEST(Ssh, LeavesTheKeyToSshWhereNoneIsNamed) {
  auto target = web();
  target.login.identity.reset();
  target.login.accept_new = true;
  target.control_path.reset();
  const std::string line = join(ssh_argv(target), " ");
  EXPECT_THAT(line, Not(HasSubstr("Identit")));
  EXPECT_THAT(line, Not(HasSubstr("Password")));
  EXPECT_THAT(line, Not(HasSubstr("Control")));
  EXPECT_THAT(line, HasSubstr("StrictHostKeyChecking=accept-new"));
}

TEST(SshConfig, HasTheSameOptionsUnderTheNames) {
  auto target = web();
  target.control_path.reset();
  target.login.known_hosts = "/my data/known_hosts";
  EXPECT_EQ(ssh_config_block(target, {"web.lab", "web.lab.meros"}),
            "Host web.lab web.lab.meros\n"
            "  HostName web.lab.meros\n"
            "  User debian\n"
            "  HostKeyAlias web.lab.meros\n"
            "  UserKnownHostsFile \"/my data/known_hosts\"\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n"
            "  UpdateHostKeys no\n"
            "  CheckHostIP no\n"
            "  ProxyCommand /usr/bin/meros dial --data-dir /data lab/web\n"
            "  ProxyUseFdpass yes\n"
            "  ServerAliveInterval 10\n"
            "  ServerAliveCountMax 3\n"
            "  IdentityFile /data/ssh_keys/lab-web-id_ed25519\n"
            "  IdentitiesOnly yes\n"
            "  PasswordAuthentication no\n"
            "  KbdInteractiveAuthentication no\n");
}

TEST(Rsync, TakesNoNameForAnOptionOrAnotherHost) {
  Transfer transfer;
  transfer.sources = {"-x", "a:b", "/abs", "../up"};
  transfer.destination = "mos-shared/";
  const auto argv = rsync_argv(web(), transfer);
  const auto dashes = std::find(argv.begin(), argv.end(), "--");
  ASSERT_NE(dashes, argv.end());
  EXPECT_THAT(std::vector(dashes + 1, argv.end()),
              ElementsAre("./-x", "./a:b", "/abs", "../up", "web.lab.meros:./mos-shared/"));
  EXPECT_THAT(argv, Contains("-aS"));
  EXPECT_THAT(argv, Contains("-s"));
  EXPECT_THAT(argv, Contains("--partial-dir=.meros-partial"));
}

TEST(Rsync, TakesNoRightsFromAGuest) {
  Transfer transfer;
  transfer.way = Transfer::Way::from_guest;
  transfer.sources = {"mos-shared/-x", "/etc/hostname", ""};
  transfer.destination = "here";
  transfer.owner = Owner{1000, 1001};
  const auto argv = rsync_argv(web(), transfer);
  EXPECT_THAT(argv, Not(Contains("-aS")));
  EXPECT_THAT(argv, Contains("-rlptS"));
  EXPECT_THAT(argv, Contains("--chmod=ug-s,o-t"));
  EXPECT_THAT(argv, Contains("--chown=1000:1001"));
  const auto dashes = std::find(argv.begin(), argv.end(), "--");
  EXPECT_THAT(std::vector(dashes + 1, argv.end()),
              ElementsAre("web.lab.meros:./mos-shared/-x", "web.lab.meros:/etc/hostname", "web.lab.meros:", "./here"));
}

TEST(Rsync, ExpandsNoWildcardsInTheGuest) {
  Transfer transfer;
  transfer.way = Transfer::Way::from_guest;
  transfer.sources = {"*", "a?[b]", "back\\slash"};
  transfer.destination = "here";
  const auto argv = rsync_argv(web(), transfer);
  const auto dashes = std::find(argv.begin(), argv.end(), "--");
  EXPECT_THAT(std::vector(dashes + 1, argv.end()),
              ElementsAre("web.lab.meros:./\\*", "web.lab.meros:./a\\?\\[b]", "web.lab.meros:./back\\slash", "./here"));
}

TEST(GuestPath, IsAMachineAColonAndAPath) {
  const auto path = parse_guest_path("lab/web:/etc/a:b");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->machine, "lab/web");
  EXPECT_EQ(path->path, "/etc/a:b");
  EXPECT_EQ(parse_guest_path("web:~/x")->path, "x");
  EXPECT_EQ(parse_guest_path("web:~")->path, "");
  for (const auto* local : {"web", "/web:x", "./web:x", "a/b/c:x", "a b:x", "-a:x", ":x", ""})
    EXPECT_FALSE(parse_guest_path(local)) << local;
}

TEST(HostKeys, ArePinnedUnderTheMachinesName) {
  const std::string before = "web.lab.meros ssh-rsa AAAAold\nwebx.lab.meros ssh-rsa AAAAx\n";
  EXPECT_TRUE(has_pin(before, "web.lab.meros"));
  EXPECT_FALSE(has_pin(before, "web.lab"));
  EXPECT_EQ(with_pin(before, "web.lab.meros", "ssh-ed25519 AAAAnew root@web\n"),
            "webx.lab.meros ssh-rsa AAAAx\nweb.lab.meros ssh-ed25519 AAAAnew\n");
  for (const auto* text :
       {"", "ssh-ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-ed25519 key", "ssh-rsa AAAA\x01"})
    EXPECT_THROW(with_pin("", "web", text), InvalidError) << text;
}

TEST(User, IsOneThatSshCannotTakeForSomethingElse) {
  for (const auto* user : {"debian", "a.b-c_d", "A1"}) EXPECT_NO_THROW(check_user(user)) << user;
  for (const auto* user : {"", "-oProxyCommand=x", "a b", "a@b", "$(id)", "a/b"})
    EXPECT_THROW(check_user(user), InvalidError) << user;
}

}  // namespace
}  // namespace meros::guest
