// What makes two builds one: times that do not tell when it was built, and a packer that sees content alone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/child.h"
#include "base/file.h"
#include "image/ext4_writer.h"
#include "image/settled_times.h"
#include "image/sha256.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::int64_t of_package = 1'600'000'000;  // a file that a .deb brought
constexpr std::int64_t monday = 1'700'000'000;
constexpr std::int64_t tuesday = monday + 86'400;

void set_time(const fs::path& path, std::int64_t time) {
  struct timespec value {};
  value.tv_sec = time;
  value.tv_nsec = 123;
  const std::array<struct timespec, 2> times = {value, value};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
}

std::int64_t time_of(const fs::path& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mtim.tv_sec;
}

class Layers : public testing::Test {
 protected:
  fs::path path(const std::string& name) const { return directory_.path() / name; }

  void write(const std::string& name, std::int64_t time) const {
    fs::create_directories(path(name).parent_path());
    std::ofstream(path(name)) << fs::path(name).filename().string();
    set_time(path(name), time);
  }

  // As a stage that began then leaves it.
  void make_layer(const std::string& name, std::int64_t began) const {
    write(name + "/usr/bin/tool", of_package);
    write(name + "/var/lib/dpkg/status", began + 7);
    fs::create_symlink("tool", path(name + "/usr/bin/link"));
    set_time(path(name + "/usr/bin/link"), began);
    for (const char* directory : {"", "/usr", "/usr/bin", "/var", "/var/lib", "/var/lib/dpkg"})
      set_time(path(name + directory), began + 9);
  }

  std::string packed(const std::string& tree, std::int64_t newest) const {
    const fs::path image = path(tree + ".ext4");
    write_ext4({path(tree), image, 40 << 20, std::string(64, 'a'), newest, [](const std::string&) { return true; }});
    return sha256_of(open_file(image, O_RDONLY));
  }

  TemporaryDirectory directory_;
};

TEST_F(Layers, TellNotWhenTheyWereMade) {
  make_layer("one", monday);
  EXPECT_EQ(settle_times(path("one"), monday, 0), of_package);
  for (const auto* name : {"one", "one/usr", "one/usr/bin/tool", "one/usr/bin/link", "one/var/lib/dpkg/status"})
    EXPECT_EQ(time_of(path(name)), of_package) << name;
}

TEST_F(Layers, KeepTheTimesOfPackages) {
  write("one/old", 1'000'000'000);
  write("one/older", 900'000'000);
  write("one/made", monday);
  EXPECT_EQ(settle_times(path("one"), monday, 0), 1'000'000'000);
  EXPECT_EQ(time_of(path("one/older")), 900'000'000);
  EXPECT_EQ(time_of(path("one/made")), 1'000'000'000);
}

TEST_F(Layers, AreNeverOlderThanWhatTheyStandOn) {
  write("one/made", tuesday);
  EXPECT_EQ(settle_times(path("one"), tuesday, of_package), of_package);
  EXPECT_EQ(time_of(path("one/made")), of_package);
}

// A base that was made again after the packages above it: what these made has an earlier time than the base.
TEST_F(Layers, MayBeOlderThanTheOneBeneath) {
  const auto build = [&](const std::string& name, std::int64_t base_made, std::int64_t packages_made) {
    make_layer(name, base_made);
    std::int64_t newest = settle_times(path(name), base_made, 0);
    write(name + "-packages/var/lib/dpkg/status", packages_made + 5);
    newest = settle_times(path(name + "-packages"), packages_made, newest);
    fs::copy(path(name + "-packages"), path(name), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    set_time(path(name + "/var/lib/dpkg/status"), time_of(path(name + "-packages/var/lib/dpkg/status")));
    return newest;
  };
  const auto in_order = build("one", monday, tuesday);
  const auto base_anew = build("two", tuesday, monday);
  EXPECT_EQ(in_order, base_anew);
  if (!find_program("mke2fs")) GTEST_SKIP() << "needs mke2fs";
  EXPECT_EQ(packed("one", in_order), packed("two", base_anew));
}

TEST_F(Layers, GetOneTimeForAllWhereThatIsAsked) {
  make_layer("one", monday);
  set_times(path("one"), of_package);
  for (const auto* name : {"one", "one/usr/bin/tool", "one/usr/bin/link", "one/var/lib/dpkg/status"})
    EXPECT_EQ(time_of(path(name)), of_package) << name;
}

// Directories of a file system only grow: their size tells of names that are gone.
TEST_F(Layers, ArePackedTheSameWhateverWasInTheirDirectories) {
  if (!find_program("mke2fs")) GTEST_SKIP() << "needs mke2fs";
  write("one/etc/passwd", monday);
  // More than a mebibyte of names, so that the size of the image would be another one.
  for (int i = 0; i < 6000; ++i) write("two/etc/" + std::string(200, 'x') + std::to_string(i), monday);
  for (const auto& entry : fs::directory_iterator(path("two/etc"))) fs::remove(entry.path());
  write("two/etc/passwd", monday);
  EXPECT_EQ(packed("one", of_package), packed("two", of_package));
}

}  // namespace
}  // namespace meros::image
