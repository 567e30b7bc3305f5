#include "machine/supervisor/restart.h"

#include <gtest/gtest.h>

namespace meros::machine {
namespace {

using namespace std::chrono_literals;

const ExitStatus success{0, 0};
const ExitStatus failure{1, 0};
const ExitStatus killed{0, 9};

TEST(RestartPolicy, IsReadAndWrittenTheSame) {
  for (const auto* text : {"no", "on-failure", "on-failure:3", "always"})
    EXPECT_EQ(parse_restart_policy(text).to_string(), text);
}

TEST(RestartPolicy, RefusesWhatItDoesNotKnow) {
  for (const auto* text :
       {"", "yes", "on-failure:", "on-failure:0", "on-failure:-1", "on-failure:x", "on-failure 3", "always:2"}) {
    SCOPED_TRACE(text);
    try {
      parse_restart_policy(text);
      FAIL();
    } catch (const InvalidError& e) {
      EXPECT_STREQ(e.what(), "the restart policy is not valid");
      EXPECT_EQ(e.hint(), "use no, on-failure, on-failure:N or always");
    }
  }
}

TEST(RestartCounter, NeverRestartsByDefault) {
  RestartCounter counter{RestartPolicy{}};
  EXPECT_EQ(counter.next(failure, 1s), std::nullopt);
}

TEST(RestartCounter, RestartsAfterAFailureOnly) {
  RestartCounter counter{parse_restart_policy("on-failure")};
  EXPECT_EQ(counter.next(success, 1s), std::nullopt);
  EXPECT_EQ(counter.next(failure, 1s), 100ms);
  EXPECT_EQ(counter.next(killed, 1s), 200ms);
}

TEST(RestartCounter, GivesUpAfterItsLimit) {
  RestartCounter counter{parse_restart_policy("on-failure:2")};
  EXPECT_TRUE(counter.next(failure, 1s));
  EXPECT_TRUE(counter.next(failure, 1s));
  EXPECT_EQ(counter.next(failure, 1s), std::nullopt);
}

TEST(RestartCounter, CountsAnewAfterAGoodRun) {
  RestartCounter counter{parse_restart_policy("on-failure:1")};
  EXPECT_TRUE(counter.next(failure, 1s));
  EXPECT_EQ(counter.next(failure, 11s), 100ms);
}

TEST(RestartCounter, WaitsLongerEachTimeUpToHalfAMinute) {
  RestartCounter counter{parse_restart_policy("always")};
  std::chrono::milliseconds last{0};
  for (int i = 0; i < 40; ++i) {
    const auto pause = counter.next(success, 1s);
    ASSERT_TRUE(pause);
    EXPECT_GE(*pause, last);
    EXPECT_LE(*pause, 30s);
    last = *pause;
  }
  EXPECT_EQ(last, 30s);
}

}  // namespace
}  // namespace meros::machine
