// A log that grows and is rotated (base/bounded_log.h: at its limit "<name>" becomes "<name>.1" and a new one begins),
// read from its last lines on without missing a byte in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bounded_log.h"
#include "base/fd.h"

namespace meros::guest {

class LogReader {
 public:
  // `directory` stays open as long as this; the log need not be there yet. Begins with the last `lines` lines, reaching
  // back into "<name>.1"; without a number, at the oldest byte that is left.
  // InvalidError for a log that is no regular file, SystemError otherwise.
  LogReader(const Fd& directory, std::string name, std::optional<std::size_t> lines);
  // Begins at a byte of the file that had this inode; where that is gone, at the oldest byte that is left.
  using Position = LogPlace;
  LogReader(const Fd& directory, std::string name, Position from);

  // The next bytes, at most 64 KiB; empty when there are none now. Where the log was rotated more than once since the
  // last call, what was in between is gone.
  std::string take();
  // Where what take() returned last begins.
  const Position& position() const { return position_; }

 private:
  void find_beginning(std::optional<std::size_t> lines);
  std::string read_some();
  Fd successor() const;
  Fd open_log(const std::string& name) const;  // nothing where it is not there

  const Fd& directory_;
  std::string name_;
  Position position_;
  Fd active_;  // what is read now
  Fd next_;    // what comes after it; seen before `active_` is read to its end for the last time
};

// Where the last `lines` lines of a file begin, and how many of them it has not.
struct LinesFromEnd {
  std::size_t offset;
  std::size_t missing;
};
LinesFromEnd find_last_lines(const Fd& file, std::size_t lines);

}  // namespace meros::guest
