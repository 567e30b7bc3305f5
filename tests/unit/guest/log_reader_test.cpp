#include "guest/log_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bounded_log.h"
#include "base/error.h"
#include "base/file.h"

namespace meros::test {
namespace {

using guest::LogReader;

class LogReaderTest : public testing::Test {
 protected:
  Fd find_lines(const std::string& text) const {
    replace_file(directory_.path() / "lines", text);
    return open_file_at(volume_, "lines", O_RDONLY);
  }
  static std::string all_of(LogReader& reader) {
    std::string all;
    for (std::string bytes = reader.take(); !bytes.empty(); bytes = reader.take()) all += bytes;
    return all;
  }

  TemporaryDirectory directory_;
  Fd volume_ = open_file(directory_.path(), O_RDONLY | O_DIRECTORY);
};

TEST_F(LogReaderTest, FindsTheLastLinesOfAFile) {
  const auto offset = [&](const std::string& text, std::size_t lines) {
    return guest::find_last_lines(find_lines(text), lines).offset;
  };
  EXPECT_EQ(offset("a\nb\nc\n", 1), 4u);
  EXPECT_EQ(offset("a\nb\nc\n", 2), 2u);
  EXPECT_EQ(offset("a\nb\nc\n", 3), 0u);
  EXPECT_EQ(offset("a\nb\nc\n", 0), 6u);
  EXPECT_EQ(offset("a\nb\nc", 1), 4u) << "a line that is not ended yet is one";
  EXPECT_EQ(offset("\n\n\n", 2), 1u);
  EXPECT_EQ(offset("", 2), 0u);
}

TEST_F(LogReaderTest, TellsHowManyLinesAreMissing) {
  const auto missing = [&](const std::string& text, std::size_t lines) {
    return guest::find_last_lines(find_lines(text), lines).missing;
  };
  EXPECT_EQ(missing("a\nb\n", 2), 0u);
  EXPECT_EQ(missing("a\nb\n", 5), 3u);
  EXPECT_EQ(missing("a", 2), 1u);
  EXPECT_EQ(missing("", 4), 4u);
}

TEST_F(LogReaderTest, FindsLinesAcrossTheChunksThatItReads) {
  const std::string long_line(100'000, 'x');
  const Fd file = find_lines(long_line + "\n" + long_line + "\nend\n");
  EXPECT_EQ(guest::find_last_lines(file, 2).offset, long_line.size() + 1);
  EXPECT_EQ(guest::find_last_lines(file, 3).offset, 0u);
}

TEST_F(LogReaderTest, BeginsWithTheOldestThatIsLeft) {
  BoundedLog log(volume_, "console.log", 8);
  log.append("one\ntwo\nthree\n");
  LogReader reader(volume_, "console.log", std::nullopt);
  EXPECT_EQ(all_of(reader), "one\ntwo\nthree\n");
}

TEST_F(LogReaderTest, ReachesBackIntoTheRotatedLogForItsLines) {
  BoundedLog log(volume_, "console.log", 8);
  log.append("one\ntwo\nthree\n");
  LogReader two(volume_, "console.log", 2);
  EXPECT_EQ(all_of(two), "two\nthree\n");
  LogReader one(volume_, "console.log", 1);
  EXPECT_EQ(all_of(one), "three\n");
  LogReader none(volume_, "console.log", 0);
  EXPECT_EQ(all_of(none), "");
}

TEST_F(LogReaderTest, TakesWhatIsWrittenLater) {
  BoundedLog log(volume_, "console.log");
  log.append("before\n");
  LogReader reader(volume_, "console.log", 0);
  EXPECT_EQ(reader.take(), "");
  log.append("after\n");
  EXPECT_EQ(reader.take(), "after\n");
  EXPECT_EQ(reader.take(), "");
}

TEST_F(LogReaderTest, WaitsForALogThatIsNotThereYet) {
  LogReader reader(volume_, "console.log", std::nullopt);
  EXPECT_EQ(reader.take(), "");
  BoundedLog log(volume_, "console.log");
  log.append("first\n");
  EXPECT_EQ(reader.take(), "first\n");
}

TEST_F(LogReaderTest, MissesNothingWhileTheLogIsRotated) {
  BoundedLog log(volume_, "console.log", 64);
  LogReader reader(volume_, "console.log", std::nullopt);
  std::string written;
  std::string read;
  for (int i = 0; i < 200; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    log.append(line);
    written += line;
    if (i % 5 == 0) read += all_of(reader);
  }
  read += all_of(reader);
  EXPECT_EQ(read, written);
}

TEST_F(LogReaderTest, GoesOnWithWhatIsLeftAfterTwoRotations) {
  BoundedLog log(volume_, "console.log", 4);
  log.append("aaaa");
  LogReader reader(volume_, "console.log", std::nullopt);
  EXPECT_EQ(all_of(reader), "aaaa");
  log.append("bbbbccccdd");
  EXPECT_EQ(all_of(reader), "ccccdd");
}

TEST_F(LogReaderTest, BeginsAnewWhereTheLogWasTruncated) {
  BoundedLog log(volume_, "console.log");
  log.append("a long line that goes\n");
  LogReader reader(volume_, "console.log", std::nullopt);
  EXPECT_EQ(all_of(reader), "a long line that goes\n");
  ASSERT_EQ(::truncate((directory_.path() / "console.log").c_str(), 0), 0);
  log.append("new\n");
  EXPECT_EQ(all_of(reader), "new\n");
}

TEST_F(LogReaderTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((directory_.path() / "console.log").c_str(), 0600), 0);
  try {
    const LogReader reader(volume_, "console.log", std::nullopt);
    FAIL() << "it was taken";
  } catch (const InvalidError& e) {
    EXPECT_STREQ(e.what(), "the log 'console.log' is not a regular file");
  }
}

TEST_F(LogReaderTest, DoesNotFollowALinkOutOfTheVolume) {
  const TemporaryDirectory elsewhere;
  replace_file(elsewhere.path() / "secret", "secret\n");
  std::filesystem::create_symlink(elsewhere.path() / "secret", directory_.path() / "console.log");
  EXPECT_THROW(LogReader(volume_, "console.log", std::nullopt), SystemError);
}

}  // namespace
}  // namespace meros::test
