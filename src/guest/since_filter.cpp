#include "guest/since_filter.h"

#include "base/file.h"
#include "machine/state.h"

namespace meros::guest {

std::string_view SinceFilter::pass(std::string_view bytes, const LogPlace& place) {
  for (std::size_t at = 0; !open_ && at < bytes.size();) {
    if (at_line_) open_ = times_.at({place.inode, place.offset + at}).value_or(since_ms_) >= since_ms_;
    if (open_) return bytes.substr(at);
    const auto end = bytes.find('\n', at);
    at_line_ = end != std::string_view::npos;
    at = at_line_ ? end + 1 : bytes.size();
  }
  return open_ ? bytes : std::string_view();
}

machine::LogTimes read_times(const Fd& volume, const std::string& name) {
  if (name != machine::names::console_log) return machine::LogTimes({});
  constexpr std::size_t most = std::size_t{1} << 20;  // the supervisor keeps less
  const std::string path = proc_path(volume) + "/" + machine::names::console_times;
  return machine::LogTimes(read_file_if_exists(path + ".1", most).value_or("") +
                           read_file_if_exists(path, most).value_or(""));
}

}  // namespace meros::guest
