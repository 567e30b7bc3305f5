// The logs of many machines as one stream of lines: what is there in the order of its times, then what comes as it
// comes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "guest/directory_watch.h"
#include "guest/log_follower.h"

namespace meros::guest {

class MergedLogs {
 public:
  // What `options` say of beginnings counts for each log; the rest of them does not.
  explicit MergedLogs(FollowOptions options);
  ~MergedLogs();

  // One more, with the log `name` in a volume. Lines are told by the number of their log: 0, 1, …
  void add(Fd volume, const std::string& name);
  std::size_t count() const { return sources_.size(); }

  struct Line {
    std::size_t log;
    std::string text;  // without its end; what is longer than 64 KiB comes in pieces
  };
  // The next of what is there now, with the earliest time; lines of logs without times come first, log by log.
  std::optional<Line> next();

  // Until there may be more. False when there will be none: all machines have stopped, or the reader of `output` went
  // away. A last line that has no end is told by the next() after that.
  bool wait(int output);

 private:
  struct Source;
  struct Head {  // the next line of a log
    std::int64_t at_ms;
    std::size_t log;
    std::string text;
    bool operator>(const Head& other) const { return std::pair(at_ms, log) > std::pair(other.at_ms, other.log); }
  };
  void take_head(std::size_t log);

  FollowOptions options_;
  DirectoryWatch watch_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;  // one of each log that has a line now
  bool looked_ = false;                                                 // at all logs, since the last wait()
};

}  // namespace meros::guest
