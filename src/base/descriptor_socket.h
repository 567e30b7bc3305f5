// Lines over a Unix stream socket with open descriptors beside them (SCM_RIGHTS).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"

namespace meros {

constexpr std::size_t max_passed_descriptors = 8;

// Sends a line, its newline and the descriptors; false when the peer is gone. For short messages: blocks where the
// socket is full.
bool send_line_with(const Fd& to, std::string_view line, std::span<const int> descriptors);

struct LineWithDescriptors {
  std::string line;
  std::vector<Fd> descriptors;  // close-on-exec
};

// Reads one line and all that came with it. For one answer at a time: what comes after the newline is an InvalidError,
// as is a line longer than `limit`. Nothing at the end of the file, TimeoutError after the deadline.
std::optional<LineWithDescriptors> read_line_with(const Fd& from, std::size_t limit, Deadline deadline);

}  // namespace meros
