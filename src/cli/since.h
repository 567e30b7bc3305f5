// Points in time as people type them.
#pragma once

#include <cstdint>
#include <string_view>

namespace meros::cli {

// "90s", "10m", "2h", "7d": so long before `now_ms`; or "2026-01-31T12:00:00Z", with or without a fraction, in UTC.
// Milliseconds since 1970. UsageError for anything else.
std::int64_t parse_since(std::string_view text, std::int64_t now_ms);

}  // namespace meros::cli
