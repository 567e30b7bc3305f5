#include "guest/merged_logs.h"

#include <poll.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "guest/log_reader.h"
#include "guest/run_watch.h"
#include "guest/since_filter.h"

namespace meros::guest {
namespace {

constexpr std::size_t longest_merged_line = std::size_t{64} << 10;

bool is_removed(const Fd& directory) {
  struct stat info {};
  return ::fstat(directory.get(), &info) != 0 || info.st_nlink == 0;
}

}  // namespace

struct MergedLogs::Source {
  Source(Fd directory, const std::string& name, const FollowOptions& options)
      : volume(std::move(directory)), log(volume, name, options.lines), run(volume), times(read_times(volume, name)) {
    if (options.since_ms) since.emplace(times, *options.since_ms);
  }

  // Reads on until a line is whole or nothing is there. False where it is not.
  bool find_line() {
    while (unread.find('\n', searched) == std::string::npos && unread.size() < longest_merged_line) {
      searched = unread.size();
      const std::string bytes = log.take();
      if (bytes.empty()) return false;
      const std::string_view wanted = since ? since->pass(bytes, log.position()) : bytes;
      if (wanted.empty()) continue;
      piece = {log.position().inode, log.position().offset + (bytes.size() - wanted.size())};
      piece_at = unread.size();
      if (unread.empty()) line_place = piece;
      unread += wanted;
    }
    return true;
  }
  // Takes `size` bytes off; those of the line and of its end.
  void drop(std::size_t size) {
    unread.erase(0, size);
    // Its end was in the last piece that was read, and so is what follows it.
    piece.offset += size - piece_at;
    piece_at = 0;
    line_place = piece;
    searched = 0;
  }

  Fd volume;
  LogReader log;
  RunWatch run;
  machine::LogTimes times;
  std::optional<SinceFilter> since;
  std::string unread;        // begins with the next line
  std::size_t searched = 0;  // so much of it has no line end
  LogPlace line_place;       // where the line begins
  LogPlace piece;            // where the last bytes that were read begin, which are in `unread` from piece_at on
  std::size_t piece_at = 0;
  RunWatch::Life life = RunWatch::Life::never_started;
  bool ended = false;
};

MergedLogs::MergedLogs(FollowOptions options) : options_(options) {}
MergedLogs::~MergedLogs() = default;

void MergedLogs::add(Fd volume, const std::string& name) {
  watch_.add(volume);
  sources_.push_back(std::make_unique<Source>(std::move(volume), name, options_));
  looked_ = false;
}

void MergedLogs::take_head(std::size_t log) {
  Source& source = *sources_[log];
  const bool whole = source.find_line();
  if (!whole && (!source.ended || source.unread.empty())) return;
  std::size_t end = source.unread.find('\n');
  const bool has_end = end != std::string::npos;
  if (!has_end) end = source.unread.size();
  std::string text = source.unread.substr(0, end);
  const std::int64_t at_ms = source.times.at(source.line_place).value_or(0);
  source.drop(has_end ? end + 1 : end);
  heads_.push({at_ms, log, std::move(text)});
}

std::optional<MergedLogs::Line> MergedLogs::next() {
  if (!looked_)
    for (std::size_t log = 0; log < sources_.size(); ++log) {
      Source& source = *sources_[log];
      if (source.ended && source.unread.empty()) continue;
      // Whether it runs is asked before the log is read: what it wrote before its end is then all there.
      const auto before = source.life;
      source.life = source.run.look();
      const bool stopped = source.life == RunWatch::Life::over ||
                           (before == RunWatch::Life::running && source.life == RunWatch::Life::never_started);
      source.ended = !options_.follow || stopped || is_removed(source.volume);
      take_head(log);
    }
  looked_ = true;
  if (heads_.empty()) return std::nullopt;
  Head head = heads_.top();
  heads_.pop();
  take_head(head.log);
  return Line{head.log, std::move(head.text)};
}

bool MergedLogs::wait(int output) {
  std::vector<pollfd> polled = {{watch_.descriptor().get(), POLLIN, 0}, {output, 0, 0}};
  bool any = false;
  int timeout = -1;
  for (const auto& source : sources_) {
    if (source->ended) continue;
    any = true;
    if (source->run.descriptor() < 0)
      timeout = look_again_ms;
    else
      polled.push_back({source->run.descriptor(), POLLIN, 0});
  }
  if (!any) return false;
  if (::poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) throw_errno("cannot wait for logs");
  watch_.clear();
  looked_ = false;
  return (polled[1].revents & (POLLERR | POLLHUP)) == 0;
}

}  // namespace meros::guest
