// Lines over a stream descriptor, bounded, with a deadline.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/fd.h"

namespace meros {

class LineReader {
 public:
  explicit LineReader(std::size_t limit) : limit_(limit) {}

  // The next line without its newline; nothing at the end of the file. InvalidError for a longer line than the limit,
  // TimeoutError after the deadline.
  std::optional<std::string> read_line(const Fd& from, Deadline deadline);

  // For event loops: takes in what is there (one read) and gives the lines that are whole; `ended` at end-of-file.
  bool fill(const Fd& from);  // false at the end of the file or a reset connection
  std::optional<std::string> next_line();

 private:
  std::size_t limit_;
  std::string buffer_;
};

// Sends a line and its newline; false when the peer is gone. For short messages: blocks where the socket is full.
bool send_line(const Fd& to, std::string_view line);

}  // namespace meros
