// Builds that are killed, that meet, and that find the disk full.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/file.h"
#include "integration/image/small_archive.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;

class HardBuild : public SmallBuild {
 protected:
  void SetUp() override {
    SmallBuild::SetUp();
    if (IsSkipped()) return;
    serve("bookworm");
    write_manifest("  web: {packages: [greeting]}\n");
    home().write("lab/web/hooks/10.chroot", "(setsid sleep 3600 &)\necho by the hook >/etc/by-hook\n");
  }

  std::size_t lines_of_log() const {
    const std::string text = read_file_if_exists(log()).value_or("");
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }
  fs::path log() const { return data() / "cache/log/lab-web.log"; }
};

TEST_F(HardBuild, LeavesNothingWhereverItIsInterrupted) {
  ASSERT_TRUE(succeeds(build()));
  const std::string before = sha256("web");
  fs::remove(log());
  ASSERT_TRUE(succeeds(build({"--no-cache"})));
  const std::size_t all = lines_of_log();
  constexpr std::size_t points = 20;
  for (std::size_t i = 0; i < points; ++i) {
    SCOPED_TRACE(i);
    fs::remove(log());
    Child child = spawn(build_command({"--no-cache"}));
    // Where it is by then is another place each time.
    ASSERT_TRUE(eventually([&] { return lines_of_log() >= 1 + i * all / points || child.try_wait(); }));
    child.kill(i % 2 == 0 ? SIGKILL : SIGINT);
    child.wait();
    EXPECT_TRUE(eventually([&] { return unfinished().empty(); })) << testing::PrintToString(unfinished());
    EXPECT_EQ(sha256("web"), before);
  }
  ASSERT_TRUE(succeeds(build()));
  EXPECT_EQ(sha256("web"), before);
}

TEST_F(HardBuild, MakesABaseOnceForAllOfAGroup) {
  write_manifest("  web: {count: 3, packages: [greeting]}\n");
  const Result result = build();
  ASSERT_TRUE(succeeds(result));
  const auto times = [&](const std::string& words) {
    std::size_t found = 0;
    for (auto at = result.out.find(words); at != std::string::npos; at = result.out.find(words, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(times("base"), 1U) << result.out;
  EXPECT_EQ(times("packages"), 1U) << result.out;
  EXPECT_EQ(times("packed"), 3U) << result.out;
  EXPECT_EQ(read("web-2", "/etc/hostname"), "web-2\n");
}

TEST_F(HardBuild, MakesABaseOnceForTwoBuildsAtOnce) {
  fs::copy(home().path() / "lab", home().path() / "other", fs::copy_options::recursive);
  const auto start = [&](const std::string& constellation, const fs::path& out) {
    Command command = home().meros_command({"build", constellation});
    const Fd file = open_file(out, O_WRONLY | O_CREAT, 0644);
    command.pass(file.get(), 1);
    command.pass(file.get(), 2);
    return spawn(command);
  };
  Child one = start("lab", home().path() / "one");
  Child two = start("other", home().path() / "two");
  EXPECT_TRUE(one.wait().success()) << read_file(home().path() / "one");
  EXPECT_TRUE(two.wait().success()) << read_file(home().path() / "two");
  const std::string said = read_file(home().path() / "one") + read_file(home().path() / "two");
  const auto first = said.find("made: base");
  ASSERT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("made: base", first + 1), std::string::npos) << said;
}

// A file system of its own for the data directory, in a mount namespace of the test's.
class SmallDisk {
 public:
  SmallDisk(const fs::path& image, const fs::path& place) : former_(open_file("/proc/self/ns/mnt", O_RDONLY)) {
    fs::create_directories(place);
    run_tool({"truncate", "-s", "400M", image});
    run_tool({"mke2fs", "-q", "-t", "ext4", image});
    if (::unshare(CLONE_NEWNS) != 0) throw_errno("cannot make a mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("cannot make mounts private");
    run_tool({"mount", "-o", "loop", image, place});
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() { ::setns(former_.get(), CLONE_NEWNS); }

 private:
  Fd former_;
};

TEST_F(HardBuild, SaysWhichDiskIsFullAndKeepsTheFormerImage) {
  const SmallDisk small(home().path() / "disk", data());
  ASSERT_TRUE(succeeds(build()));
  const std::string before = sha256("web");
  struct statvfs info {};
  ASSERT_EQ(::statvfs(data().c_str(), &info), 0);
  const auto free_mib = info.f_bavail * info.f_frsize >> 20;
  for (const auto left : {2U, 20U, 45U}) {
    SCOPED_TRACE(left);
    run_tool({"fallocate", "-l", std::to_string(free_mib - left) + "M", data() / "filler"});
    const Result result = build({"--no-cache"});
    EXPECT_TRUE(fails_with(result, ExitCode::failed, "the file system at '" + data().string() + "' is full"));
    EXPECT_THAT(result.err, HasSubstr("'meros image prune'"));
    EXPECT_EQ(sha256("web"), before);
    EXPECT_TRUE(eventually([&] { return unfinished().empty(); })) << testing::PrintToString(unfinished());
    fs::remove(data() / "filler");
  }
  ASSERT_TRUE(succeeds(build({"--no-cache"})));
  EXPECT_EQ(sha256("web"), before);
}

}  // namespace
}  // namespace meros::test
