#include "fakes/firecracker/log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

namespace meros::fake {
namespace {

std::string now() {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}", fmt::localtime(time.tv_sec), time.tv_nsec);
}

std::string_view name_of(Level level) {
  if (level == Level::error) return "ERROR";
  return level == Level::warning ? "WARN" : "INFO";
}

}  // namespace

void Log::open(const std::string& path) { file_ = open_file(path, O_RDWR | O_CREAT | O_NONBLOCK, 0666); }

void Log::write(Level level, std::string_view thread, std::string_view text) const {
  if (level > most_) return;
  const std::string shown = show_level_ ? fmt::format(":{}", name_of(level)) : "";
  const std::string line = fmt::format("{} [{}:{}{}] {}\n", now(), id_, thread, shown, text);
  [[maybe_unused]] const ssize_t n = ::write(file_ ? file_.get() : STDOUT_FILENO, line.data(), line.size());
}

}  // namespace meros::fake
