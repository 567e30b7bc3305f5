#include "machine/log_times.h"

#include <gtest/gtest.h>

namespace meros::test {
namespace {

using machine::LogTime;
using machine::LogTimes;

std::string records(const std::vector<LogTime>& times) {
  std::string all;
  for (const auto& time : times) {
    const auto record = encode(time);
    all.append(record.data(), record.size());
  }
  return all;
}

TEST(LogTimes, TellWhenAByteWasWritten) {
  const LogTimes times(records({{1000, {7, 0}}, {2000, {7, 50}}, {3000, {8, 0}}}));
  EXPECT_EQ(times.at({7, 0}), 1000);
  EXPECT_EQ(times.at({7, 49}), 1000);
  EXPECT_EQ(times.at({7, 50}), 2000);
  EXPECT_EQ(times.at({7, 99'999}), 2000);
  EXPECT_EQ(times.at({8, 3}), 3000);
}

TEST(LogTimes, TakeWhatIsBeforeThemForAsOldAsTheFirst) {
  const LogTimes times(records({{1000, {7, 500}}, {2000, {8, 40}}}));
  EXPECT_EQ(times.at({7, 3}), 1000);
  EXPECT_EQ(times.at({6, 3}), 1000);
  EXPECT_EQ(times.at({8, 0}), 1000) << "written after all that is in the file before";
}

TEST(LogTimes, KnowAnInodeThatIsUsedAgain) {
  const LogTimes times(records({{1000, {7, 0}}, {1500, {7, 100}}, {2000, {8, 0}}, {3000, {7, 0}}, {4000, {7, 100}}}));
  EXPECT_EQ(times.at({7, 0}), 3000);
  EXPECT_EQ(times.at({7, 100}), 4000);
  // Also where nothing was noted of the file in between.
  const LogTimes close(records({{1000, {7, 0}}, {1500, {7, 100}}, {3000, {7, 0}}}));
  EXPECT_EQ(close.at({7, 100}), 3000);
}

TEST(LogTimes, KnowNothingWithoutRecords) {
  EXPECT_FALSE(LogTimes("").at({7, 0}));
  EXPECT_FALSE(LogTimes("cut short").at({7, 0}));
}

TEST(LogTimes, PassOverARecordThatIsCutShort) {
  const LogTimes times(records({{1000, {7, 0}}, {2000, {7, 10}}}).substr(0, 30));
  EXPECT_EQ(times.at({7, 10}), 1000);
}

TEST(LogTimes, KeepLargeNumbers) {
  const LogTimes times(records({{1'795'616'219'926, {0xffff'ffff'ffff'fffe, 0x8000'0000'0000'0000}}}));
  EXPECT_EQ(times.at({0xffff'ffff'ffff'fffe, 0x8000'0000'0000'0001}), 1'795'616'219'926);
}

}  // namespace
}  // namespace meros::test
