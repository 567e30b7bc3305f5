// A log file that cannot fill the disk: at `limit` bytes it becomes "<name>.1", replacing the one before, and a new
// file begins. So at most twice the limit is on disk, and the last `limit` bytes can always be read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros {

// A byte of a log: of the file with this inode, whatever its name is by now.
struct LogPlace {
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;
};

class BoundedLog {
 public:
  // Opens or goes on with `name` inside `directory` (a descriptor that must stay open as long as the log).
  BoundedLog(const Fd& directory, std::string name, std::size_t limit = std::size_t{4} << 20, mode_t mode = 0644);

  // Appends. A full disk loses the bytes and never throws: the guest goes on. failed_writes() counts.
  void append(std::string_view bytes) noexcept;
  std::size_t failed_writes() const { return failed_writes_; }
  // Where the next byte goes, unless the file is full then.
  LogPlace end() const { return {inode_, size_}; }

 private:
  void open();
  void rotate() noexcept;
  int directory_;
  std::string name_;
  std::size_t limit_;
  mode_t mode_;
  Fd file_;
  std::uint64_t inode_ = 0;
  std::size_t size_ = 0;
  std::size_t failed_writes_ = 0;
};

// The last `bytes` bytes of a log, reaching back into "<path>.1" where the newest file is shorter.
std::string log_tail(const std::string& path, std::size_t bytes);
// The last `count` lines, without bytes that would drive a terminal (control characters but tab are removed).
std::string last_lines(std::string_view text, std::size_t count);

}  // namespace meros
