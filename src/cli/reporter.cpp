#include "cli/reporter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace meros::cli {
namespace {

constexpr std::size_t longest_name = 24;
constexpr std::size_t bar_width = 24;
constexpr std::string_view clear_line = "\r\x1b[K";

}  // namespace

std::string progress_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  std::string name = printable(what.substr(0, longest_name));
  if (!total || *total == 0) return fmt::format("{}  {}", name, format_bytes(done));
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
  const auto filled = static_cast<std::size_t>(part * bar_width);
  return fmt::format("{}  [{}{}] {:3}%  {} of {}", name, std::string(filled, '#'), std::string(bar_width - filled, ' '),
                     static_cast<int>(part * 100), format_bytes(done), format_bytes(*total));
}

void StderrReporter::note(std::string_view text) { say(fmt::format("{}: {}\n", program_, printable_lines(text))); }

void StderrReporter::warn(std::string_view text) {
  say(fmt::format("{}: {} {}\n", program_, err_.paint("warning:", Colour::yellow), printable_lines(text)));
}

void StderrReporter::say(const std::string& line) {
  const std::lock_guard guard(mutex_);
  std::string text = bar_on_screen_ ? std::string(clear_line) : std::string();
  if (times_ == Times::shown)
    text += fmt::format("[{:9.3f}] ", std::chrono::duration<double>(clock::now() - began_).count());
  err_.write(text + line);
  bar_on_screen_ = false;
}

void StderrReporter::progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  const std::lock_guard guard(mutex_);
  const auto now = clock::now();
  const bool finished = total && done >= *total;
  const auto pause = err_.is_terminal() ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  const bool fresh = work_ != what;
  if (!fresh && !finished && now - drawn_ < pause) return;
  work_ = what;
  drawn_ = now;
  const std::string line = progress_line(what, done, total);
  if (!err_.is_terminal()) {
    err_.write(fmt::format("{}: {}\n", program_, line));
    return;
  }
  // The end of the work keeps its line; the next one begins below.
  err_.write(fmt::format("{}{}{}", clear_line, line, finished ? "\n" : ""));
  bar_on_screen_ = !finished;
  if (finished) work_.clear();
}

}  // namespace meros::cli
