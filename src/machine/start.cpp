#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/line_socket.h"
#include "base/lock.h"
#include "machine/addressing.h"
#include "machine/choices.h"
#include "machine/control.h"
#include "machine/disks.h"
#include "machine/leftovers.h"
#include "machine/lifecycle.h"
#include "machine/verb_lock.h"
#include "machine/vmm_user.h"
#include "vmm/host.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

using namespace std::chrono_literals;

// A supervisor that ends has this long for its last words; a killed VMM of many GiB takes half a second to go.
constexpr auto time_to_end = 20s;
constexpr auto time_to_answer = 15s;  // longer than a driver waits for its VMM
// The supervisor's own time limits for a start are shorter: it tells why; this is for one that cannot tell any more.
constexpr auto time_to_boot = 90s;
constexpr int ready_descriptor = 3;
constexpr auto own_mounts = "--own-mounts";
constexpr auto as_caller = "--as-caller";

enum class Mode { background, foreground };

struct Started {
  Child supervisor;
  Json ready;
};

// What state.json says is older than what the VMM says: one that was killed just now is not known to be gone yet.
bool vmm_answers(const fs::path& volume) {
  try {
    ask_supervisor(open_file(volume, O_RDONLY | O_DIRECTORY), {{"op", "query"}}, Deadline::after(time_to_answer));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// True when it runs. Waits for one that is on its way out (or whose start is being given up).
bool runs_already(const Home& home, const MachineId& id) {
  const std::string run_lock = (volume_of(home, id) / names::run_lock).string();
  const Deadline deadline = Deadline::after(time_to_end);
  while (lock_owner(run_lock)) {
    const State state = status_of(home, id).state;
    if ((state == State::running || state == State::paused) && vmm_answers(volume_of(home, id))) return true;
    if (wait_until_unlocked(run_lock, Deadline::after(20ms))) return false;
    if (deadline.passed())
      throw BusyError(fmt::format("its supervisor has been {} for {} s", to_string(state), time_to_end.count()),
                      "see 'meros logs', or end it with 'meros stop --force'");
  }
  return false;
}

void wait_for_former_vmm(const fs::path& volume) {
  if (!wait_until_unlocked((volume / names::vmm_lock).string(), Deadline::after(time_to_end)))
    throw BusyError("the VMM of its last run has not ended yet", "try again in a moment");
}

void check_files(const Config& config) {
  for (const auto& file :
       {std::optional(config.kernel), config.initrd, config.root ? std::optional(config.root->path) : std::nullopt})
    if (file && !file->empty() && !fs::exists(config.volume / *file))
      throw NotFoundError(fmt::format("'{}' is gone from its volume", *file), "delete the machine and create it anew");
  if (config.root) check_backing(config.volume, *config.root);
  for (const auto& disk : config.disks)
    if (!fs::exists(config.volume / disk.path)) throw NotFoundError(fmt::format("disk '{}' is gone", disk.path));
}

// init of a PID namespace of its own: its death ends the VMM and every helper, whatever their users.
void set_namespaces(Command& command, const Namespaces& joined) {
  if (joined.network) command.network_namespace = joined.network->get();
  if (::geteuid() == 0) {
    command.namespaces = CLONE_NEWPID | CLONE_NEWNS;
    command.argv.emplace_back(own_mounts);
  } else if (joined.user) {
    command.user_namespace = joined.user->get();
    command.namespaces = CLONE_NEWPID;
    command.argv.emplace_back(as_caller);
  } else {
    command.namespaces = CLONE_NEWPID | CLONE_NEWUSER;
    command.uid_map = fmt::format("{0} {0} 1\n", ::geteuid());
    command.gid_map = fmt::format("{0} {0} 1\n", ::getegid());
  }
}

Command supervisor_command(const Home& home, const Config& config, vmm::Accel accel, const Fd& volume, const Fd& ready,
                           Mode mode, const Namespaces& joined) {
  Command command;
  command.argv = {home.supervisor.string(),
                  config.volume.string(),
                  "--accel",
                  std::string(to_string(accel)),
                  "--binary",
                  config.binary};
  if (mode == Mode::foreground) command.parent_death_signal = SIGTERM;
  command.pass(ready.get(), ready_descriptor);
  command.working_directory = volume.get();
  command.new_session = true;
  set_namespaces(command, joined);
  return command;
}

Child spawn_supervisor(Command command, Reporter& reporter) {
  try {
    return spawn(command);
  } catch (const NamespaceError& e) {
    // The parent-death signal is the second line.
    reporter.warn(e.message() + "; going on without (a killed supervisor then ends its VMM by a parent-death signal)");
    command.namespaces = 0;
    std::erase(command.argv, own_mounts);
    return spawn(command);
  } catch (const SystemError& e) {
    if (e.error_number() == ENOENT)
      throw HostError("the program '" + command.argv[0] + "' is missing", "reinstall meros, or set MEROS_SUPERVISOR");
    throw;
  }
}

// The supervisor's one line, or its end.
Json wait_for_ready(const Fd& ready, Child& supervisor) {
  LineReader reader(max_ready_line);
  const auto line = reader.read_line(ready, Deadline::after(time_to_boot));
  if (line) return parse_json(*line, "the supervisor's answer");
  const ExitStatus status = supervisor.wait();
  throw Error("its supervisor ended before it said ready (" + status.describe() + ")");
}

Started spawn_and_wait(const Home& home, const Config& config, const MachineId& id, Mode mode, const Namespaces& joined,
                       Reporter& reporter) {
  const Fd volume = open_file(config.volume, O_RDONLY | O_DIRECTORY);
  make_run_directory(volume, vmm_uid_of(config));
  if (config.root && fs::path(config.root->path).is_relative())
    give_to_vmm(volume, config.root->path, vmm_uid_of(config));
  const vmm::KvmStatus kvm = vmm::probe_kvm();
  const vmm::Accel accel = accel_of(config, kvm);
  if (accel == vmm::Accel::kvm && !kvm.usable()) reporter.warn(fmt::format("'{}': {}", id.to_string(), kvm.why));
  SocketPair ready = make_socket_pair();
  Started started;
  started.supervisor =
      spawn_supervisor(supervisor_command(home, config, accel, volume, ready.theirs, mode, joined), reporter);
  ready.theirs.reset();
  started.ready = wait_for_ready(ready.ours, started.supervisor);
  if (!get<bool>(started.ready, "ok")) {
    started.supervisor.wait();
    throw error_from_json(get<Json>(started.ready, "error"));
  }
  return started;
}

// Everything up to the running machine, under the verb lock. Nothing when it runs already.
std::optional<Started> start_locked(const Home& home, const MachineId& id, Mode mode, const VerbOptions& options) {
  Config config = read_config(volume_of(home, id));
  if (options.binary) config.binary = locate_binary(*options.binary);
  require_owner(config, id, options);
  if (runs_already(home, id)) return std::nullopt;
  wait_for_former_vmm(config.volume);
  clear_leftovers(home, id);
  check_files(config);
  const Namespaces joined = ensure_network(home, config, options);
  return spawn_and_wait(home, config, id, mode, joined, *options.reporter);
}

// Passes SIGTERM and SIGINT on to the supervisor (which then stops the guest gracefully) until it ends.
ExitStatus wait_passing_signals(Child& supervisor, const Fd& signals) {
  for (;;) {
    std::array<pollfd, 2> polled = {{{supervisor.pidfd().get(), POLLIN, 0}, {signals.get(), POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) throw_errno("cannot poll");
    signalfd_siginfo info{};
    if (polled[1].revents != 0 && ::read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      supervisor.kill(SIGTERM);
    if (polled[0].revents != 0) return supervisor.wait();
  }
}

Fd catch_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  sigaddset(&caught, SIGTERM);
  sigaddset(&caught, SIGINT);
  sigaddset(&caught, SIGHUP);
  if (::sigprocmask(SIG_BLOCK, &caught, nullptr) != 0) throw_errno("cannot block signals");
  Fd signals(::signalfd(-1, &caught, SFD_CLOEXEC));
  if (!signals) throw_errno("cannot make a signalfd");
  return signals;
}

}  // namespace

StartResult start(const Home& home, const MachineId& id, const VerbOptions& options) {
  const auto begin = Deadline::clock::now();
  try {
    const auto lock = lock_verb(home, id, options);
    auto started = start_locked(home, id, Mode::background, options);
    StartResult result;
    result.already_running = !started;
    const Status status = status_of(home, id);
    result.driver = status.config ? status.config->driver : "";
    result.accel = status.file.accel;
    if (started) started->supervisor.detach();
    result.took = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::clock::now() - begin);
    return result;
  } catch (Error& e) {
    e.add_context(fmt::format("cannot start '{}'", id.to_string()));
    throw;
  }
}

ExitStatus supervise(const Home& home, const MachineId& id, const VerbOptions& options) {
  try {
    const Fd signals = catch_signals();
    std::optional<Started> started;
    {
      const auto lock = lock_verb(home, id, options);
      started = start_locked(home, id, Mode::foreground, options);
    }
    if (!started) throw BusyError("it is already running", "stop it first, or watch it with 'meros logs -f'");
    options.reporter->note(fmt::format("'{}' runs", id.to_string()));
    return wait_passing_signals(started->supervisor, signals);
  } catch (Error& e) {
    e.add_context(fmt::format("cannot supervise '{}'", id.to_string()));
    throw;
  }
}

}  // namespace meros::machine
