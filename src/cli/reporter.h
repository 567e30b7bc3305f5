// Notes, warnings and progress on stderr: a bar that is drawn over itself on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/report.h"
#include "cli/output.h"
#include "cli/status_lines.h"

namespace meros::cli {

// Safe to use from several threads.
class StderrReporter : public Reporter {
 public:
  // `err` outlives it. With `times` each line begins with the seconds since the program began.
  enum class Times { hidden, shown };
  StderrReporter(Output& err, std::string program, Times times)
      : err_(err), program_(std::move(program)), times_(times) {}

  void note(std::string_view text) override;
  void warn(std::string_view text) override;
  // Draws at most ten times a second on a terminal, every five seconds elsewhere, and at the end.
  void progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) override;
  // The same where the units are no bytes: elsewhere every thirty seconds.
  void steps(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total);
  // On a terminal a line a work, with its time, below all else; elsewhere a note.
  void stage(std::string_view work, std::string_view text) override;

 private:
  using clock = std::chrono::steady_clock;
  void say(const std::string& line);  // takes what is drawn off the screen first
  std::string take_off();             // what does that: a bar, or the lines of works
  std::string lines_of_works();
  void keep_time(const std::stop_token& stop);
  enum class Unit { bytes, steps };
  void draw(Unit unit, std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total);

  Output& err_;
  std::string program_;
  Times times_;
  clock::time_point began_ = clock::now();
  std::mutex mutex_;
  std::string work_;         // what the last progress was about
  clock::time_point drawn_;  // when it was last shown
  bool bar_on_screen_ = false;
  StatusLines works_;
  std::size_t lines_on_screen_ = 0;
  std::condition_variable_any ended_;
  std::jthread clock_;  // while there are works; it ends before all that it uses
};

// "<what>  [#####     ] 50%  1.0 GiB of 2.0 GiB": at most 79 columns. Units are bytes.
std::string progress_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total);
// "<what>  [#####     ] 50%  100 of 200 steps"
std::string steps_line(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total);

}  // namespace meros::cli
