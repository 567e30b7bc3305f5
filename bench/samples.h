// Times of one thing done many times, and two things done in turn.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

namespace meros::bench {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

inline double ms_between(Clock::time_point begin, Clock::time_point end) { return Milliseconds(end - begin).count(); }

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  std::size_t size() const { return values_.size(); }
  // The value below which that part of all lies (0 to 1), between two by interpolation. At least one is there.
  double quantile(double part) const;
  double p25() const { return quantile(0.25); }
  double median() const { return quantile(0.5); }
  double most() const { return quantile(1); }

 private:
  std::vector<double> values_;
};

// Does each once a round, every other round in the reverse order, so that what else the host does hits all of them
// alike. A first round is not counted: it warms the caches.
std::vector<Samples> in_turn(std::size_t rounds, const std::vector<std::function<double()>>& each);

}  // namespace meros::bench
