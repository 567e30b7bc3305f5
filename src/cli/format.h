// Values as people read them.
#pragma once

#include <chrono>
#include <string>

namespace meros::cli {

// "0.04 s", "12.3 s"
std::string format_seconds(std::chrono::milliseconds time);
// The two largest units: "42s", "3m 12s", "5h 2m", "12d 4h". Negative times (a clock that was set back) are "0s".
std::string format_duration(std::chrono::seconds time);

}  // namespace meros::cli
