// What of a log was written at or after a point in time, by whole lines.
#pragma once

#include <cstdint>
#include <string_view>

#include "machine/log_times.h"

namespace meros::guest {

class SinceFilter {
 public:
  // A line counts by the time of its first byte; where no time is known it counts.
  SinceFilter(machine::LogTimes times, std::int64_t since_ms) : times_(std::move(times)), since_ms_(since_ms) {}

  // What is left of bytes that began at this place: nothing, their end, or, from the first line that counts on, all of
  // them. The log begins with a line.
  std::string_view pass(std::string_view bytes, const LogPlace& place);

 private:
  machine::LogTimes times_;
  std::int64_t since_ms_;
  bool at_line_ = true;
  bool open_ = false;
};

// The times that are kept beside the log `name` of a volume; none for logs other than the console's.
machine::LogTimes read_times(const Fd& volume, const std::string& name);

}  // namespace meros::guest
