#include "figures.h"

#include <fmt/format.h>

namespace meros::bench {

std::string times(const Samples& samples) { return fmt::format("{:.1f} / {:.1f} ms", samples.p25(), samples.median()); }

std::string time_difference(const Samples& baseline, const Samples& ours) {
  return fmt::format("{:+.1f} / {:+.1f} ms", ours.p25() - baseline.p25(), ours.median() - baseline.median());
}

Row compare(std::string what, const Samples& baseline, const Samples& ours, double most_more) {
  return {std::move(what),
          ours.size(),
          times(baseline),
          times(ours),
          time_difference(baseline, ours),
          fmt::format("at most {:+.0f} ms", most_more),
          ours.p25() - baseline.p25() <= most_more};
}

Row limit(std::string what, const Samples& ours, double most) {
  return {std::move(what),   ours.size(), "", times(ours), "", fmt::format("at most {:.0f} ms", most),
          ours.p25() <= most};
}

}  // namespace meros::bench
