// The builders of distributions whose archives a test host may not reach, against archives with their faces.
#include <gmock/gmock.h>

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

}  // namespace
}  // namespace meros::test
