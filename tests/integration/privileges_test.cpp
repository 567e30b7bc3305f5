// As whom things run, and who may read what.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/machine_test.h"
#include "network/tap.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

std::string namespace_of(pid_t pid, const std::string& kind) {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + kind).string();
}

struct Owned {
  uid_t uid;
  unsigned mode;
};
Owned owner_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_errno("cannot look at '" + path.string() + "'");
  return {info.st_uid, info.st_mode & 07777U};
}

class Privileges : public EachVmm {
 protected:
  void SetUp() override {
    EachVmm::SetUp();
    if (!IsSkipped()) MEROS_REQUIRE(Need::root);
  }
};

TEST_P(Privileges, TheVmmRunsAsAUserOfItsOwn) {
  create_and_start("web", vmm());
  create_and_start("shop", vmm());
  EXPECT_EQ(effective_uid(supervisor_of("web")), 0U);
  const auto web = effective_uid(vmm_of("web")).value();
  const auto shop = effective_uid(vmm_of("shop")).value();
  EXPECT_NE(web, 0U);
  EXPECT_NE(shop, 0U);
  EXPECT_NE(web, shop) << "one VMM must not reach another";
  must({"delete", "--all", "--yes"});
}

TEST_P(Privileges, TheVmmCanGainNone) {
  create_and_start("web", vmm());
  const pid_t process = vmm_of("web");
  EXPECT_EQ(status_line(process, "NoNewPrivs"), "1");
  EXPECT_EQ(status_line(process, "CapEff"), "0000000000000000");
  EXPECT_EQ(status_line(process, "CapPrm"), "0000000000000000");
  EXPECT_EQ(status_line(process, "Groups"), "");
  must({"delete", "web"});
}

TEST_P(Privileges, TheSupervisorIsInitOfItsPidNamespace) {
  create_and_start("web", vmm());
  const pid_t supervisor = supervisor_of("web");
  EXPECT_NE(namespace_of(supervisor, "pid"), namespace_of(::getpid(), "pid"));
  EXPECT_EQ(namespace_of(supervisor, "pid"), namespace_of(vmm_of("web"), "pid"));
  EXPECT_THAT(status_line(supervisor, "NSpid").value(), testing::EndsWith("\t1"));
  must({"delete", "web"});
}

TEST_P(Privileges, TheSupervisorHasASessionAndNoStdio) {
  create_and_start("web", vmm());
  const pid_t supervisor = supervisor_of("web");
  EXPECT_EQ(::getsid(supervisor), supervisor);
  for (const auto* fd : {"0", "1", "2"})
    EXPECT_EQ(std::filesystem::read_symlink("/proc/" + std::to_string(supervisor) + "/fd/" + fd), "/dev/null");
  must({"delete", "web"});
}

TEST_P(Privileges, TheVmmHasOnlyWhatItIsMeantToHave) {
  const Fd secret = open_file("/etc/shadow", O_RDONLY);
  const Fd inheritable(::dup(secret.get()));  // not close-on-exec
  create_and_start("web", vmm());
  for (const pid_t process : {supervisor_of("web"), vmm_of("web")})
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd"))
      EXPECT_NE(std::filesystem::read_symlink(entry.path()), "/etc/shadow") << "in process " << process;
  must({"delete", "web"});
}

TEST_P(Privileges, TheVolumeIsClosedToOthers) {
  const auto image = home().write("disk.img", std::string(1 << 20, '\0'));
  create_and_start("web", vmm(), Guest::halt, {"--rootfs", image});
  const auto volume = home().volume("web");
  const auto user = effective_uid(vmm_of("web")).value();
  EXPECT_EQ(owner_of(volume).uid, 0U);
  EXPECT_EQ(owner_of(volume).mode, 0711U);
  EXPECT_EQ(owner_of(volume / "run").uid, user);
  EXPECT_EQ(owner_of(volume / "run").mode, 0700U);
  const auto disk = volume / (vmm().driver == "qemu" ? "rootfs.qcow2" : "rootfs.ext4");
  EXPECT_EQ(owner_of(disk).uid, user);
  EXPECT_EQ(owner_of(disk).mode, 0600U);
  EXPECT_EQ(owner_of(volume / "console.log").mode, 0600U);
  EXPECT_EQ(owner_of(volume / "console.sock").mode, 0600U);
  EXPECT_EQ(owner_of(volume / "control.sock").mode, 0600U);
  EXPECT_EQ(owner_of(volume / "config.json").uid, 0U);
  must({"delete", "web"});
  std::filesystem::remove(image);
}

TEST_P(Privileges, TheTapBelongsToTheVmmsUser) {
  MEROS_REQUIRE(Need::namespaces, Need::ip);
  add_bridge("br0", "10.9.0.1/24");
  auto arguments = create_arguments("web", vmm(), Guest::halt, {"--bridge", "br0", "--tap", "tap7"});
  std::erase(arguments, "--no-network");
  ASSERT_TRUE(succeeds(home().meros(arguments)));
  must({"start", "web"});
  EXPECT_THAT(ip({"-details", "link", "show", "tap7"}),
              testing::HasSubstr("user " + std::to_string(effective_uid(vmm_of("web")).value())));
  must({"delete", "web"});
  ip({"link", "del", "br0"});
}

MEROS_ON_EACH_VMM(Privileges);

}  // namespace
}  // namespace meros::test
