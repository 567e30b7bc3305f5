#include "cli/format.h"

#include <fmt/format.h>

#include <algorithm>

namespace meros::cli {

std::string format_seconds(std::chrono::milliseconds time) {
  const double seconds = static_cast<double>(time.count()) / 1000;
  return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 1);
}

std::string format_duration(std::chrono::seconds time) {
  const auto seconds = std::max<std::chrono::seconds::rep>(time.count(), 0);
  const auto minutes = seconds / 60;
  const auto hours = minutes / 60;
  const auto days = hours / 24;
  if (days > 0) return fmt::format("{}d {}h", days, hours % 24);
  if (hours > 0) return fmt::format("{}h {}m", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{}m {}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

}  // namespace meros::cli
