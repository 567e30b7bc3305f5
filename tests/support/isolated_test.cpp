#include "support/isolated_test.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "support/devices.h"

namespace meros::test {

namespace {

std::unique_ptr<NetworkNamespace> make_network(bool for_ordinary_user) {
  if (::geteuid() != 0) return nullptr;
  auto network = std::make_unique<NetworkNamespace>();
  if (for_ordinary_user && !open_devices_to_all()) throw_errno("cannot open the devices to an ordinary user");
  return network;
}

}  // namespace

IsolatedTest::IsolatedTest(std::optional<Command::Credentials> user)
    : network_(make_network(user.has_value())),
      home_(std::make_unique<TestHome>(user)),
      leaks_(std::make_unique<LeakCheck>(home_->path())) {}

void IsolatedTest::TearDown() {
  if (IsSkipped()) return;
  EXPECT_THAT(leaks_->found(), testing::IsEmpty()) << "the test left something behind";
}

}  // namespace meros::test
