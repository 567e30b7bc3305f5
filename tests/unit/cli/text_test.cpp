// Small things that are read and written: times, durations, progress.
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/reporter.h"
#include "cli/since.h"

namespace meros::test {
namespace {

using namespace meros::cli;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Format, WritesShortTimes) {
  EXPECT_EQ(format_seconds(milliseconds(40)), "0.04 s");
  EXPECT_EQ(format_seconds(milliseconds(1234)), "1.23 s");
  EXPECT_EQ(format_seconds(milliseconds(12345)), "12.3 s");
}

TEST(Format, WritesTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(seconds(42)), "42s");
  EXPECT_EQ(format_duration(seconds(192)), "3m 12s");
  EXPECT_EQ(format_duration(seconds(5 * 3600 + 120)), "5h 2m");
  EXPECT_EQ(format_duration(seconds(12 * 86400 + 4 * 3600)), "12d 4h");
  EXPECT_EQ(format_duration(seconds(-5)), "0s") << "a clock that was set back";
}

TEST(Seconds, AreReadWithFractions) {
  EXPECT_EQ(parse_seconds("30", "--timeout"), milliseconds(30'000));
  EXPECT_EQ(parse_seconds("0.5", "--timeout"), milliseconds(500));
  EXPECT_EQ(parse_seconds("0", "--timeout"), milliseconds(0));
}

TEST(Seconds, AreNothingElse) {
  for (const auto* text : {"", "-1", "-0", "1e3", "nan", "inf", "5s", " 5", "0x10", "999999999"}) {
    try {
      parse_seconds(text, "--timeout");
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const UsageError& e) {
      EXPECT_EQ(e.message(), std::string("--timeout: '") + text + "' is not a number of seconds");
    }
  }
}

TEST(Since, CountsBackFromNow) {
  EXPECT_EQ(parse_since("90s", 1'000'000), 910'000);
  EXPECT_EQ(parse_since("10m", 1'000'000), 400'000);
  EXPECT_EQ(parse_since("2h", 10'000'000), 2'800'000);
  EXPECT_EQ(parse_since("1d", 100'000'000), 13'600'000);
}

TEST(Since, ReadsAnInstant) {
  EXPECT_EQ(parse_since("1970-01-02T00:00:01Z", 0), 86'401'000);
  EXPECT_EQ(parse_since("2026-01-31T12:00:00.123Z", 0), 1'769'860'800'000);
}

TEST(Since, IsNothingElse) {
  for (const auto* text : {"", "10", "m", "-5m", "5x", "2026-01-31", "2026-01-31T12:00:00", "2026-02-31T12:00:00Z",
                           "2026-01-31T25:00:00Z", "2026-01-31T12:00:00.Z", "2026-01-31 12:00:00Z", "99999999999d"})
    EXPECT_THROW(parse_since(text, 0), UsageError) << text;
}

TEST(Progress, ShowsABarWhereTheTotalIsKnown) {
  EXPECT_EQ(progress_line("rootfs.ext4", 1 << 20, 2 << 20),
            "rootfs.ext4  [############            ]  50%  1.0 MiB of 2.0 MiB");
  EXPECT_EQ(progress_line("rootfs.ext4", 2 << 20, 2 << 20),
            "rootfs.ext4  [########################] 100%  2.0 MiB of 2.0 MiB");
}

TEST(Progress, ShowsTheAmountWhereItIsNot) {
  EXPECT_EQ(progress_line("rootfs.ext4", 1 << 20, std::nullopt), "rootfs.ext4  1.0 MiB");
  EXPECT_EQ(progress_line("rootfs.ext4", 5, 0), "rootfs.ext4  5 B");
}

TEST(Progress, NeverGoesBeyondItsEnd) {
  EXPECT_EQ(progress_line("x", 3 << 20, 2 << 20), "x  [########################] 100%  3.0 MiB of 2.0 MiB");
}

TEST(Progress, FitsATerminal) {
  EXPECT_LE(progress_line(std::string(200, 'x'), std::uint64_t{1} << 39, std::uint64_t{1} << 40).size(), 79u);
}

}  // namespace
}  // namespace meros::test
