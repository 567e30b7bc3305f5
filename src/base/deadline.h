// A point in time to be done by. One type for every wait, so that nested waits share one budget.
#pragma once

#include <algorithm>
#include <chrono>

namespace meros {

class Deadline {
 public:
  using clock = std::chrono::steady_clock;

  static Deadline after(std::chrono::milliseconds time) { return Deadline(clock::now() + time); }
  static Deadline never() { return Deadline(clock::time_point::max()); }

  bool passed() const { return clock::now() >= at_; }
  // What is left, for poll(2): -1 never, 0 over, else milliseconds rounded up.
  int poll_timeout() const {
    if (at_ == clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
  }
  clock::time_point at() const { return at_; }
  // The earlier of this and `time` from now.
  Deadline at_most(std::chrono::milliseconds time) const { return Deadline(std::min(at_, clock::now() + time)); }

 private:
  explicit Deadline(clock::time_point at) : at_(at) {}
  clock::time_point at_;
};

}  // namespace meros
