#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/json.h"
#include "base/lock.h"
#include "machine/control.h"
#include "machine/leftovers.h"
#include "machine/lifecycle.h"
#include "machine/verb_lock.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

using namespace std::chrono_literals;

// On top of the guest's own time: SIGTERM and SIGKILL have theirs in the supervisor.
constexpr auto supervisor_grace = 20s;
constexpr auto time_to_vanish = 20s;

void kill_supervisor(const LockOwner& owner) {
  if (::syscall(SYS_pidfd_send_signal, owner.pidfd.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
    throw_errno(fmt::format("cannot kill its supervisor (process {})", owner.pid));
}

// One that does not answer is killed: its PID namespace takes the VMM with it.
std::string stop_by_supervisor(const Fd& volume, const LockOwner& owner, const StopOptions& stop) {
  const Json request = {{"op", "stop"}, {"timeout_ms", stop.timeout.count()}, {"force", stop.force}};
  try {
    const auto wait = stop.force ? std::chrono::milliseconds(supervisor_grace) : stop.timeout + supervisor_grace;
    return get<std::string>(ask_supervisor(volume, request, Deadline::after(wait)), "how");
  } catch (const Error&) {
    // It may have ended by itself just now, which is what we want.
    if (wait_for(owner.pidfd, POLLIN, 0) != 0) return "it ended by itself";
    kill_supervisor(owner);
    return "SIGKILL of its supervisor, which did not answer";
  }
}

void wait_for_end(const fs::path& volume, const LockOwner& owner) {
  const Deadline deadline = Deadline::after(time_to_vanish);
  const bool ended = wait_for(owner.pidfd, POLLIN, deadline.poll_timeout()) != 0 &&
                     wait_until_unlocked((volume / names::run_lock).string(), deadline) &&
                     wait_until_unlocked((volume / names::vmm_lock).string(), deadline);
  if (!ended) throw TimeoutError("it was told to end and has not ended yet", "try 'meros stop --force'");
}

// `stop --force` does not queue behind a `stop` that is waiting for the guest: it is there to end just that.
std::optional<FileLock> lock_for_stop(const Home& home, const MachineId& id, const StopOptions& stop,
                                      const VerbOptions& options) {
  if (stop.force) {
    if (auto lock = try_lock_verb(home, id, options)) return lock;
    if (verb_in_progress(home, id) == "stop") return std::nullopt;
  }
  return lock_verb(home, id, options);
}

bool ask_run_state(const Home& home, const MachineId& id, const char* op, State already, const VerbOptions& options) {
  const fs::path volume = volume_of(home, id);
  const auto lock = lock_verb(home, id, options);
  require_owner(read_config(volume), id, options);
  const State state = status_of(home, id).state;
  if (state == already) return false;
  if (state != State::running && state != State::paused)
    throw BusyError(fmt::format("it is {}", to_string(state)), "start it first");
  const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
  ask_supervisor(directory, {{"op", op}}, Deadline::after(30s));
  return true;
}

template <typename Verb>
auto named(const char* what, const MachineId& id, Verb verb) {
  try {
    return verb();
  } catch (Error& e) {
    e.add_context(fmt::format("cannot {} '{}'", what, id.to_string()));
    throw;
  }
}

}  // namespace

StopResult stop_locked(const Home& home, const MachineId& id, const StopOptions& stop) {
  const fs::path volume = volume_of(home, id);
  StopResult result;
  const auto owner = pin_lock_owner((volume / names::run_lock).string());
  if (!owner) {
    result.already_stopped = true;
    if (!wait_until_unlocked((volume / names::vmm_lock).string(), Deadline::after(time_to_vanish)))
      throw TimeoutError("its supervisor is gone and its VMM has not ended yet", "try again in a moment");
    clear_leftovers(home, id);
    return result;
  }
  const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
  result.how = stop_by_supervisor(directory, *owner, stop);
  wait_for_end(volume, *owner);
  clear_leftovers(home, id);
  return result;
}

StopResult stop(const Home& home, const MachineId& id, const StopOptions& stop, const VerbOptions& options) {
  return named("stop", id, [&] {
    const auto lock = lock_for_stop(home, id, stop, options);
    require_owner(read_config(volume_of(home, id)), id, options);
    return stop_locked(home, id, stop);
  });
}

bool pause(const Home& home, const MachineId& id, const VerbOptions& options) {
  return named("pause", id, [&] { return ask_run_state(home, id, "pause", State::paused, options); });
}

bool resume(const Home& home, const MachineId& id, const VerbOptions& options) {
  return named("resume", id, [&] { return ask_run_state(home, id, "resume", State::running, options); });
}

}  // namespace meros::machine
