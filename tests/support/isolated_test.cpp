#include "support/isolated_test.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace meros::test {

IsolatedTest::IsolatedTest()
    : network_(::geteuid() == 0 ? std::make_unique<NetworkNamespace>() : nullptr),
      home_(std::make_unique<TestHome>()),
      leaks_(std::make_unique<LeakCheck>(home_->path())) {}

void IsolatedTest::TearDown() {
  if (IsSkipped()) return;
  EXPECT_THAT(leaks_->found(), testing::IsEmpty()) << "the test left something behind";
}

}  // namespace meros::test
