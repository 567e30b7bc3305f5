// The base of integration tests: a home, a network of its own where we are root, and a look at what is left at the end.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "support/home.h"
#include "support/leaks.h"
#include "support/namespace.h"

namespace meros::test {

class IsolatedTest : public testing::Test {
 protected:
  // The programs run as `user` (as root only: he opens /dev/net/tun and /dev/kvm then); by default as ourselves.
  explicit IsolatedTest(std::optional<Command::Credentials> user = {});
  // Fails the test, naming what it left: what a test makes it has to remove by the program's own means.
  void TearDown() override;

  TestHome& home() { return *home_; }

 private:
  std::unique_ptr<NetworkNamespace> network_;
  std::unique_ptr<TestHome> home_;
  std::unique_ptr<LeakCheck> leaks_;
};

}  // namespace meros::test
