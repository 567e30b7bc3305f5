// The builders of distributions whose archives a test host may not reach, against archives with their faces.
#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "integration/image/small_archive.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;

class Ubuntu : public SmallBuild {
 protected:
  void SetUp() override {
    SmallBuild::SetUp();
    if (IsSkipped()) return;
    serve("noble");
    write_manifest("  web: {packages: [greeting]}\n", "ubuntu");
  }
};

// Packages of this host under Ubuntu's names: its suite, components, kernel and user.
TEST_F(Ubuntu, IsBuiltFromAnArchiveWithItsFace) {
  ASSERT_TRUE(succeeds(build()));
  EXPECT_THAT(read("web", "/etc/passwd"), HasSubstr("ubuntu:x:1000:1000::/home/ubuntu:/bin/sh\n"));
  EXPECT_EQ(read("web", "/etc/apt/sources.list"), "deb " + archive().url() + " noble main universe\n");
  EXPECT_EQ(read("web", "/usr/share/greeting"), "greeting 1\n");
  EXPECT_THAT(read_file(lock()), HasSubstr(R"("asked": ["linux-image-virtual"])"));
  EXPECT_EQ(read_file(data() / "disks/lab-web.kernel"), "a kernel for tests\n");
  // The keys that the archive is signed by: the guest's apt is to believe it, too.
  EXPECT_FALSE(read("web", "/etc/apt/trusted.gpg.d/meros.gpg").empty());
}

TEST_F(Ubuntu, IsNotBuiltFromAnArchiveThatAnotherKeySigned) {
  fs::permissions(home().path() / "archive", fs::perms(0755));
  run_tool({std::string(MEROS_SOURCE_DIR) + "/tests/integration/image/make-mirror", "key", home().path() / "other"});
  const Result result = build({"--keyring", home().path() / "other/keyring.gpg"});
  EXPECT_TRUE(fails_with(result, ExitCode::failed, "is not signed"));
  EXPECT_THAT(result.err, HasSubstr("NO_PUBKEY"));
  EXPECT_FALSE(fs::exists(disk("web")));
}

class Alpine : public SmallBuild {
 protected:
  void SetUp() override {
    SmallBuild::SetUp();
    if (IsSkipped()) return;
    serve("alpine");
    write_manifest("  web: {packages: [nginx], disks: [{label: data, size_gb: 1, fs_type: ext4, mount_point: /srv}]}\n",
                   "alpine");
  }
  fs::path releases() const { return home().path() / "archive/mirror/v3.20/releases/x86_64"; }
};

// Its minirootfs is busybox, and its apk a script that knows two packages: what is seen is what meros makes of them.
TEST_F(Alpine, IsBuiltFromAMirrorWithItsFace) {
  ASSERT_TRUE(succeeds(build({"--keyring", home().path() / "archive/keys/keyring.asc"})));
  EXPECT_EQ(read("web", "/lib/apk/db/installed"),
            "alpine-base\nopenssh\nsudo\niproute2\nbusybox-openrc\nca-certificates\nrsync\ne2fsprogs-extra\nnginx\n");
  EXPECT_EQ(read("web", "/etc/apk/repositories"),
            archive().url() + "/v3.20/main\n" + archive().url() + "/v3.20/community\n");
  EXPECT_EQ(read("web", "/etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nalpine:x:1000:1000:alpine:/home/alpine:/bin/sh\n");
  EXPECT_EQ(read("web", "/etc/group"), "root:x:0:root\nwheel:x:10:root,alpine\nalpine:x:1000:\n");
  EXPECT_EQ(read("web", "/etc/fstab"), "/dev/vda / ext4 rw,relatime 0 0\nLABEL=data /srv ext4 defaults,nofail 0 0\n");
  EXPECT_THAT(read("web", "/etc/inittab"), HasSubstr("ttyS0::respawn:/sbin/getty -L 0 ttyS0 vt100\n"));
  EXPECT_THAT(list("web", "/etc/runlevels/default"), HasSubstr("/sshd/"));
  EXPECT_THAT(list("web", "/etc/runlevels/boot"), HasSubstr("/meros-grow/"));
  EXPECT_THAT(list("web", "/lib/modules"), HasSubstr("/6.6.1-0-virt/"));
  EXPECT_FALSE(read("web", "/home/alpine/.ssh/authorized_keys").empty());
  EXPECT_EQ(read_file(data() / "disks/lab-web.kernel"), "a kernel for tests\n");
}

TEST_F(Alpine, IsTheSameTwice) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = sha256("web");
  EXPECT_EQ(build().out, "web is up to date\n");
  ASSERT_TRUE(succeeds(build({"--no-cache"})));
  EXPECT_EQ(sha256("web"), before);
}

TEST_F(Alpine, IsNotBuiltFromAMinirootfsThatAnotherKeySigned) {
  run_tool({std::string(MEROS_SOURCE_DIR) + "/tests/integration/image/make-mirror", "key", home().path() / "other"});
  EXPECT_TRUE(fails_with(build({"--keyring", home().path() / "other/keyring.gpg"}), ExitCode::invalid,
                         "alpine-minirootfs-3.20.1-x86_64.tar.gz' is not signed by the key in '"));
  EXPECT_FALSE(fs::exists(disk("web")));
}

TEST_F(Alpine, IsNotBuiltFromAMinirootfsThatIsNotTheOneOfTheList) {
  std::ofstream(releases() / "alpine-minirootfs-3.20.1-x86_64.tar.gz", std::ios::app) << "x";
  const Result result = build();
  EXPECT_TRUE(fails_with(result, ExitCode::not_found, "packages that cannot be had:\n  alpine-minirootfs 3.20.1: "));
  EXPECT_THAT(result.err, HasSubstr("has the SHA-256"));
}

TEST_F(Alpine, SaysWhichKeyIsWanted) {
  home().write("lab/manifest.yml", "virtual_machines:\n  web: {distribution: alpine, release: '3.20', mirrors: ['" +
                                       archive().url() + "']}\n");
  const Result result = build();
  EXPECT_TRUE(fails_with(result, ExitCode::host_lacks, "no key is named to check it with"));
  EXPECT_THAT(result.err, HasSubstr("https://alpinelinux.org/keys/ncopa.asc"));
}

TEST_F(Alpine, RefusesToBeLockedAsItsPackagesAreNotRecorded) {
  ASSERT_TRUE(succeeds(build()));
  EXPECT_TRUE(fails_with(build({"--locked"}), ExitCode::invalid, "the packages of Alpine are not recorded"));
}

}  // namespace
}  // namespace meros::test
