#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/error.h"
#include "base/lock.h"
#include "guest/directory_watch.h"
#include "guest/log_follower.h"
#include "guest/log_reader.h"
#include "machine/state.h"

namespace meros::guest {
namespace {

// Ends of machines that no descriptor tells of (their supervisor is in a PID namespace that we do not see).
constexpr int look_again_ms = 250;

enum class Life { never_started, running, over };

class Follow {
 public:
  Follow(const Fd& volume, const std::string& name, const FollowOptions& options,
         const std::function<bool(std::string_view)>& sink)
      : volume_(volume), log_(volume, name, options.lines), options_(options), sink_(sink) {
    watch_.add(volume);
  }

  void run() {
    // Whether it runs is asked before the log is read: what it wrote before its end is then all there.
    for (bool running = false;;) {
      const Life life = look();
      const bool moved = watch_.clear();
      if (!drain() || !options_.follow) return;
      if (life == Life::over || moved) return;
      if (running && life == Life::never_started) return;
      running = life == Life::running;
      if (!wait()) return;
    }
  }

 private:
  Life look() {
    const std::string lock = proc_path(volume_) + "/" + machine::names::run_lock;
    owner_ = pin_lock_owner(lock);
    if (owner_ || lock_owner(lock)) return Life::running;
    const auto state = machine::read_state(proc_path(volume_));
    return !state || state->state == machine::State::created ? Life::never_started : Life::over;
  }

  bool drain() {
    for (;;) {
      const std::string bytes = log_.take();
      if (bytes.empty()) return true;
      if (!sink_(bytes)) return false;
    }
  }

  // Until there is something to look at; false when nobody reads any more.
  bool wait() const {
    std::array<pollfd, 3> polled = {{{watch_.descriptor().get(), POLLIN, 0},
                                     {owner_ ? owner_->pidfd.get() : -1, POLLIN, 0},
                                     {options_.output, 0, 0}}};
    if (::poll(polled.data(), polled.size(), owner_ ? -1 : look_again_ms) < 0 && errno != EINTR)
      throw_errno("cannot wait for the log");
    return (polled[2].revents & (POLLERR | POLLHUP)) == 0;
  }

  const Fd& volume_;
  LogReader log_;
  DirectoryWatch watch_;
  const FollowOptions& options_;
  const std::function<bool(std::string_view)>& sink_;
  std::optional<LockOwner> owner_;
};

}  // namespace

void follow_log(const Fd& volume, const std::string& name, const FollowOptions& options,
                const std::function<bool(std::string_view)>& sink) {
  Follow(volume, name, options, sink).run();
}

}  // namespace meros::guest
