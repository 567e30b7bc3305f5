// When the guest wrote what is in console.log: beside it console.times, records of 24 bytes that the supervisor makes,
// bounded by rotation as the log is. A record says when the byte at a place of the log was written; what comes after it
// was written then or later, up to the next record. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_log.h"

namespace meros::machine {

struct LogTime {
  std::int64_t at_ms;  // since 1970
  LogPlace place;
};

// Three numbers of eight bytes, the lowest byte first.
constexpr std::size_t log_time_size = 24;
std::array<char, log_time_size> encode(const LogTime& time);

class LogTimes {
 public:
  // What was read of console.times.1 and console.times, in this order; a record that is cut short is passed over.
  explicit LogTimes(std::string_view records);

  // When the byte at this place was written. For one before all records, the first record's; nothing where there are no
  // records.
  std::optional<std::int64_t> at(const LogPlace& place) const;

 private:
  std::vector<LogTime> times_;
};

}  // namespace meros::machine
