#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/bounded_log.h"
#include "base/error.h"

namespace meros {
namespace {

namespace fs = std::filesystem;

std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

TEST(ReplaceFile, GivesTheNewContentAndMode) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "f";
  replace_file(path, "old", 0644);
  replace_file(path, "new", 0600);
  EXPECT_EQ(read_file(path), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(entries(directory.path()), 1U);
}

TEST(ReplaceFile, LeavesNothingWhereItCannotWrite) {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "f");
  fs::create_directory(directory.path() / "f" / "inside");
  try {
    replace_file(directory.path() / "f", "x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.message(),
              "cannot write '" + (directory.path() / "f").string() + "': cannot rename the new file: Is a directory");
  }
  EXPECT_EQ(entries(directory.path()), 1U);
}

TEST(ReadFile, SaysWhichFileIsMissing) {
  try {
    read_file("/nowhere/f");
    FAIL();
  } catch (const NotFoundError& e) {
    EXPECT_EQ(e.message(), "'/nowhere/f' does not exist");
  }
}

TEST(ReadFile, RefusesMoreThanTheLimit) {
  const TemporaryDirectory directory;
  replace_file(directory.path() / "f", std::string(101, 'x'));
  EXPECT_THROW(read_file(directory.path() / "f", 100), InvalidError);
  EXPECT_EQ(read_file(directory.path() / "f", 101).size(), 101U);
}

class CloneFile : public testing::Test {
 protected:
  TemporaryDirectory directory;
  fs::path from = directory.path() / "from";
  fs::path to = directory.path() / "to";
};

TEST_F(CloneFile, KeepsHolesAndContent) {
  {
    const Fd fd = open_file(from, O_WRONLY | O_CREAT);
    ASSERT_EQ(::ftruncate(fd.get(), off_t{3} << 30), 0);
    ASSERT_EQ(::pwrite(fd.get(), "begin", 5, 0), 5);
    ASSERT_EQ(::pwrite(fd.get(), "end", 3, (off_t{2} << 30) + 7), 3);
  }
  clone_file(from, to);
  struct stat info {};
  ASSERT_EQ(::stat(to.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, off_t{3} << 30);
  EXPECT_LE(info.st_blocks * 512, 1 << 20);
  const Fd fd = open_file(to, O_RDONLY);
  std::string text(3, '\0');
  ASSERT_EQ(::pread(fd.get(), text.data(), 3, (off_t{2} << 30) + 7), 3);
  EXPECT_EQ(text, "end");
}

TEST_F(CloneFile, NeverWritesOverAFile) {
  replace_file(from, "a");
  replace_file(to, "precious");
  EXPECT_THROW(clone_file(from, to), Error);
  EXPECT_EQ(read_file(to), "precious");
}

TEST_F(CloneFile, RefusesWhatIsNoRegularFile) {
  EXPECT_THROW(clone_file("/dev/null", to), InvalidError);
  EXPECT_FALSE(fs::exists(to));
}

TEST(BoundedLog, KeepsAtMostTwiceItsLimit) {
  const TemporaryDirectory directory;
  const Fd fd = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  BoundedLog log(fd, "log", 1000);
  for (int i = 0; i < 1000; ++i) log.append("0123456789\n");
  EXPECT_LE(fs::file_size(directory.path() / "log"), 1000U);
  EXPECT_LE(fs::file_size(directory.path() / "log.1"), 1000U);
  EXPECT_EQ(log.failed_writes(), 0U);
  EXPECT_EQ(log_tail((directory.path() / "log").string(), 22), "0123456789\n0123456789\n");
}

TEST(BoundedLog, GoesOnWhereItsLastLifeEnded) {
  const TemporaryDirectory directory;
  const Fd fd = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  BoundedLog(fd, "log", 10).append("12345");
  BoundedLog(fd, "log", 10).append("67890ab");
  EXPECT_EQ(read_file(directory.path() / "log"), "ab");
  EXPECT_EQ(log_tail((directory.path() / "log").string(), 100), "1234567890ab");
}

TEST(BoundedLog, FollowsNoLink) {
  const TemporaryDirectory directory;
  const Fd fd = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  fs::create_symlink("/etc/passwd", directory.path() / "log");
  EXPECT_THROW(BoundedLog(fd, "log"), SystemError);
}

TEST(LastLines, AreWithoutBytesThatDriveATerminal) {
  EXPECT_EQ(last_lines("one\ntwo\x1b[31m\r\nthree\n\n", 2), "two[31m\nthree");
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("only", 3), "only");
}

}  // namespace
}  // namespace meros
