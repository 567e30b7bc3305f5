#include "cli/reporter.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace meros::cli {
namespace {

constexpr std::size_t longest_name = 24;
constexpr std::size_t bar_width = 24;
constexpr std::string_view clear_line = "\r\x1b[K";

std::string name_of(std::string_view what) { return printable(what.substr(0, longest_name)); }

// "[#####     ]  50%"
std::string bar(std::uint64_t done, std::uint64_t total) {
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * bar_width);
  return fmt::format("[{}{}] {:3}%", std::string(filled, '#'), std::string(bar_width - filled, ' '),
                     static_cast<int>(part * 100));
}

std::size_t terminal_width() {
  struct winsize size {};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 79;
  return size.ws_col - std::size_t{1};
}

}  // namespace

std::string progress_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  if (!total || *total == 0) return fmt::format("{}  {}", name_of(what), format_bytes(done));
  return fmt::format("{}  {}  {} of {}", name_of(what), bar(done, *total), format_bytes(done), format_bytes(*total));
}

std::string steps_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  if (!total || *total == 0) return fmt::format("{}  {} steps", name_of(what), done);
  return fmt::format("{}  {}  {} of {} steps", name_of(what), bar(done, *total), done, *total);
}

void StderrReporter::note(std::string_view text) { say(fmt::format("{}: {}\n", program_, printable_lines(text))); }

void StderrReporter::warn(std::string_view text) {
  say(fmt::format("{}: {} {}\n", program_, err_.paint("warning:", Colour::yellow), printable_lines(text)));
}

void StderrReporter::say(const std::string& line) {
  const std::lock_guard guard(mutex_);
  std::string text = take_off();
  if (times_ == Times::shown)
    text += fmt::format("[{:9.3f}] ", std::chrono::duration<double>(clock::now() - began_).count());
  err_.write(text + line + lines_of_works());
}

std::string StderrReporter::take_off() {
  std::string text = bar_on_screen_ ? std::string(clear_line) : std::string();
  bar_on_screen_ = false;
  if (lines_on_screen_ > 0) text += fmt::format("\x1b[{}A\x1b[J", lines_on_screen_);
  lines_on_screen_ = 0;
  return text;
}

std::string StderrReporter::lines_of_works() {
  if (!err_.is_terminal()) return "";
  std::string text;
  for (const auto& line : works_.render(clock::now(), terminal_width())) {
    text += line + "\n";
    ++lines_on_screen_;
  }
  return text;
}

void StderrReporter::stage(std::string_view work, std::string_view text) {
  if (!err_.is_terminal()) return Reporter::stage(work, text);
  const std::lock_guard guard(mutex_);
  works_.set(std::string(work), std::string(text), clock::now());
  const std::string before = take_off();
  err_.write(before + lines_of_works());
  if (!works_.empty() && !clock_.joinable())
    clock_ = std::jthread([this](const std::stop_token& stop) { keep_time(stop); });
}

// The times of the works go on while nobody says anything.
void StderrReporter::keep_time(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    ended_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    if (works_.empty()) continue;
    const std::string before = take_off();
    try {
      err_.write(before + lines_of_works());
    } catch (const Error&) {
      return;  // who says something next is told
    }
  }
}

void StderrReporter::progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  draw(Unit::bytes, what, done, total);
}

void StderrReporter::steps(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  draw(Unit::steps, what, done, total);
}

void StderrReporter::draw(Unit unit, std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  const std::lock_guard guard(mutex_);
  const auto now = clock::now();
  const bool finished = total && done >= *total;
  // Steps take minutes: a log is not to be full of them.
  const auto pause = std::chrono::milliseconds(err_.is_terminal() ? 100 : unit == Unit::bytes ? 5'000 : 30'000);
  const bool fresh = work_ != what;
  if (!fresh && !finished && now - drawn_ < pause) return;
  // Below the works there is no room for a bar.
  if (!works_.empty()) return;
  work_ = what;
  drawn_ = now;
  const std::string line = unit == Unit::bytes ? progress_line(what, done, total) : steps_line(what, done, total);
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
