#include "machine/supervisor/restart.h"

#include <algorithm>

namespace meros::machine {

std::optional<std::chrono::milliseconds> RestartCounter::next(const ExitStatus& ended, std::chrono::milliseconds ran) {
  if (policy_.when == RestartPolicy::When::no) return std::nullopt;
  if (policy_.when == RestartPolicy::When::on_failure && ended.success()) return std::nullopt;
  if (ran >= good_run) in_a_row_ = 0;
  if (policy_.limit && in_a_row_ >= *policy_.limit) return std::nullopt;
  const unsigned doublings = std::min(in_a_row_, 20U);
  ++in_a_row_;
  return std::min(longest_pause, first_pause * (1U << doublings));
}

}  // namespace meros::machine
