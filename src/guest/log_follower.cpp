#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/error.h"
#include "guest/directory_watch.h"
#include "guest/log_follower.h"
#include "guest/log_reader.h"
#include "guest/run_watch.h"
#include "guest/since_filter.h"

namespace meros::guest {
namespace {

using Life = RunWatch::Life;

class Follow {
 public:
  Follow(const Fd& volume, const std::string& name, const FollowOptions& options,
         const std::function<bool(std::string_view)>& sink)
      : log_(volume, name, options.lines), run_(volume), options_(options), sink_(sink) {
    if (options.since_ms) since_.emplace(read_times(volume, name), *options.since_ms);
    watch_.add(volume);
  }

  void run() {
    // Whether it runs is asked before the log is read: what it wrote before its end is then all there.
    for (bool running = false;;) {
      const Life life = run_.look();
      const bool moved = watch_.clear();
      if (!drain() || !options_.follow) return;
      if (life == Life::over || moved) return;
      if (running && life == Life::never_started) return;
      running = life == Life::running;
      if (!wait()) return;
    }
  }

 private:
  bool drain() {
    for (;;) {
      const std::string bytes = log_.take();
      if (bytes.empty()) return true;
      const std::string_view wanted = since_ ? since_->pass(bytes, log_.position()) : bytes;
      if (!wanted.empty() && !sink_(wanted)) return false;
    }
  }

  // Until there is something to look at; false when nobody reads any more.
  bool wait() const {
    std::array<pollfd, 3> polled = {
        {{watch_.descriptor().get(), POLLIN, 0}, {run_.descriptor(), POLLIN, 0}, {options_.output, 0, 0}}};
    if (::poll(polled.data(), polled.size(), run_.descriptor() < 0 ? look_again_ms : -1) < 0 && errno != EINTR)
      throw_errno("cannot wait for the log");
    return (polled[2].revents & (POLLERR | POLLHUP)) == 0;
  }

  LogReader log_;
  RunWatch run_;
  std::optional<SinceFilter> since_;
  DirectoryWatch watch_;
  const FollowOptions& options_;
  const std::function<bool(std::string_view)>& sink_;
};

}  // namespace

void follow_log(const Fd& volume, const std::string& name, const FollowOptions& options,
                const std::function<bool(std::string_view)>& sink) {
  Follow(volume, name, options, sink).run();
}

}  // namespace meros::guest
