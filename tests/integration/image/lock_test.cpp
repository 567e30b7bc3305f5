// meros.lock, and what is kept of the packages it names.
#include <gmock/gmock.h>

#include "base/file.h"
#include "integration/image/small_archive.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class LockedBuild : public SmallBuild {
 protected:
  void SetUp() override {
    SmallBuild::SetUp();
    if (IsSkipped()) return;
    serve("bookworm");
    write_manifest("  web: {packages: [greeting]}\n");
  }
};

TEST_F(LockedBuild, StaysWithItsPackagesUntilItIsToldToPull) {
  ASSERT_TRUE(succeeds(build()));
  const std::string locked = read_file(lock());
  EXPECT_THAT(locked, HasSubstr(R"("name": "greeting", "version": "1", "arch": "all")"));
  const std::string before = sha256("web");
  archive().release("greeting", "2");
  EXPECT_EQ(build().out, "web is up to date\n");
  ASSERT_TRUE(succeeds(build({"--no-cache", "--locked"})));
  EXPECT_EQ(sha256("web"), before);
  EXPECT_EQ(read_file(lock()), locked);
  ASSERT_TRUE(succeeds(build({"--pull"})));
  EXPECT_EQ(read("web", "/usr/share/greeting"), "greeting 2\n");
  EXPECT_THAT(read_file(lock()), HasSubstr(R"("name": "greeting", "version": "2", "arch": "all")"));
}

TEST_F(LockedBuild, AsksNoMirrorForWhatIsKept) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = sha256("web");
  archive().stop();
  ASSERT_TRUE(succeeds(build({"--no-cache"})));
  EXPECT_EQ(sha256("web"), before);
}

TEST_F(LockedBuild, IsTheSameFromTheLockAloneInAnotherPlace) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = sha256("web");
  ASSERT_TRUE(succeeds(home().meros({"image", "rm", "lab/web"})));
  ASSERT_TRUE(succeeds(home().meros({"image", "prune", "--all", "--yes"})));
  EXPECT_TRUE(fs::is_empty(data() / "cache/archives"));
  ASSERT_TRUE(succeeds(build({"--locked"})));
  EXPECT_EQ(sha256("web"), before);
}

TEST_F(LockedBuild, NamesWhatItsLockDoesNotSay) {
  EXPECT_TRUE(fails_with(build({"--locked"}), ExitCode::invalid, "--locked: there is no '" + lock().string() + "'"));
  ASSERT_TRUE(succeeds(build()));
  const std::string locked = read_file(lock());
  write_manifest("  web: {packages: [greeting, busybox-static]}\n");
  EXPECT_TRUE(fails_with(
      build({"--locked"}), ExitCode::invalid,
      "'" + lock().string() + "' has no packages for 'busybox-static greeting' of debian bookworm (x86_64)"));
  EXPECT_EQ(read_file(lock()), locked);
  ASSERT_TRUE(succeeds(build()));
  EXPECT_THAT(read_file(lock()), HasSubstr(R"("asked": ["busybox-static","greeting"])"));
  EXPECT_THAT(read_file(lock()), Not(HasSubstr(R"("asked": ["greeting"])"))) << "no machine takes it any more";
}

TEST_F(LockedBuild, NamesThePackagesThatAreNotToBeHad) {
  ASSERT_TRUE(succeeds(build()));
  archive().release("greeting", "2");
  for (const auto& file : fs::directory_iterator(data() / "cache/archives")) fs::remove(file.path());
  const std::string before = sha256("web");
  EXPECT_TRUE(fails_with(build({"--no-cache", "--locked"}), ExitCode::not_found,
                         "packages that cannot be had:\n  greeting 1: cannot fetch '"));
  EXPECT_EQ(sha256("web"), before);
}

// What was answered once is asked again where a mirror has it no more: only a lock insists.
TEST_F(LockedBuild, TakesWhatTheMirrorHasByNowWhereNothingIsLocked) {
  ASSERT_TRUE(succeeds(build()));
  archive().release("greeting", "2");
  fs::remove(lock());
  for (const auto& entry : fs::directory_iterator(data() / "cache"))
    if (entry.path().filename().string().starts_with("packages-")) fs::remove_all(entry.path());
  for (const auto& file : fs::directory_iterator(data() / "cache/archives")) fs::remove(file.path());
  fs::remove(disk("web"));
  ASSERT_TRUE(succeeds(build()));
  EXPECT_EQ(read("web", "/usr/share/greeting"), "greeting 2\n");
}

}  // namespace
}  // namespace meros::test
