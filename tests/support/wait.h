// Waiting for the thing itself, with a deadline.
#pragma once

#include <chrono>
#include <thread>

#include "base/deadline.h"

namespace meros::test {

// Long enough for a loaded machine with two cores under sanitizers; nobody waits that long unless the test fails.
constexpr std::chrono::milliseconds patience{30'000};

// Asks until `condition` holds; false after the time. For what no descriptor tells: the state of processes, links,
// files.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds within = patience) {
  const Deadline deadline = Deadline::after(within);
  while (!condition()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

}  // namespace meros::test
