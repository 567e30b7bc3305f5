// The log: on stdout until it is given a file or pipe, in the real one's format.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros::fake {

enum class Level { error, warning, info };

class Log {
 public:
  void open(const std::string& path);  // SystemError
  void set_id(std::string id) { id_ = std::move(id); }
  void set_most(Level level) { most_ = level; }
  void show_level(bool show) { show_level_ = show; }

  // "2026-01-31T12:00:00.123456789 [id:main] text". Lost where nobody reads.
  void write(Level level, std::string_view thread, std::string_view text) const;

 private:
  Fd file_;
  std::string id_ = "anonymous-instance";
  Level most_ = Level::info;
  bool show_level_ = false;
};

}  // namespace meros::fake
