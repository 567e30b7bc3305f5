#include "samples.h"

#include <algorithm>
#include <cmath>

namespace meros::bench {

double Samples::quantile(double part) const {
  auto sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double at = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - std::floor(at));
}

std::vector<Samples> in_turn(std::size_t rounds, const std::vector<std::function<double()>>& each) {
  std::vector<Samples> samples(each.size());
  for (const auto& one : each) one();
  for (std::size_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < each.size(); ++i) {
      const std::size_t which = round % 2 == 0 ? i : each.size() - 1 - i;
      samples[which].add(each[which]());
    }
  return samples;
}

}  // namespace meros::bench
