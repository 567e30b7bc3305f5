// When a machine that ended is started again: its policy, with a growing pause between failures. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/child.h"
#include "machine/config.h"

namespace meros::machine {

class RestartCounter {
 public:
  static constexpr std::chrono::milliseconds first_pause{100};
  static constexpr std::chrono::milliseconds longest_pause{30'000};
  static constexpr std::chrono::milliseconds good_run{10'000};  // one that ran so long begins to count anew

  explicit RestartCounter(RestartPolicy policy) : policy_(policy) {}

  // How long to wait before the next start; nothing when it stays ended.
  std::optional<std::chrono::milliseconds> next(const ExitStatus& ended, std::chrono::milliseconds ran);

 private:
  RestartPolicy policy_;
  unsigned in_a_row_ = 0;
};

}  // namespace meros::machine
