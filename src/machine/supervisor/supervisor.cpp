#include "machine/supervisor/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/events.h"
#include "machine/vmm_user.h"

namespace meros::machine {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_boot = 60s;  // the vCPUs run, or the start has failed
constexpr auto time_for_former_vmm = 20s;
constexpr auto time_for_rival = 5s;
constexpr auto look_for_verb = 50ms;
constexpr auto time_after_sigterm = 5s;
constexpr auto time_after_guest = 2s;       // a VMM that lives on when its guest has shut down hangs
constexpr auto default_stop_timeout = 30s;  // for SIGTERM to us
constexpr std::size_t kept_words = 4096;
constexpr std::size_t vmm_log_limit = std::size_t{1} << 20;

// The verb that started us has looked: who holds it now can only be a supervisor that its own, killed verb has left
// behind. That one sees it and gives up.
ProcessLock take_run_lock(const Fd& volume, const Fd& ready) {
  Fd file = open_file_at(volume, names::run_lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
  const Deadline deadline = Deadline::after(time_for_rival);
  while (!deadline.passed()) {
    if (auto lock = wait_for_lock(file, deadline.at_most(look_for_verb))) return std::move(*lock);
    if (ready && (wait_for(ready, POLLRDHUP, 0) & (POLLHUP | POLLRDHUP | POLLERR)) != 0) break;
  }
  throw BusyError("it is already running");
}

Fd block_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&caught, signal);
  if (::sigprocmask(SIG_BLOCK, &caught, nullptr) != 0) throw_errno("cannot block signals");
  Fd signals(::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) throw_errno("cannot make a signalfd");
  return signals;
}

// As seen by those who read /proc: we may live in a PID namespace of our own, and /proc is the host's.
pid_t pid_on_host(const Fd& pidfd) {
  const std::string info = read_file("/proc/self/fdinfo/" + std::to_string(pidfd.get()));
  for (const auto& line : split(info, '\n'))
    if (line.starts_with("Pid:"))
      if (const auto pid = parse_unsigned(trim(std::string_view(line).substr(4)))) return static_cast<pid_t>(*pid);
  return 0;
}

pid_t own_pid_on_host() {
  const auto pid = parse_unsigned(std::filesystem::read_symlink("/proc/self").string());
  return static_cast<pid_t>(pid.value_or(0));
}

// As init of a PID namespace we inherit what loses its parent. The VMM is waited for by its owner.
void reap_strangers(pid_t vmm) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 || info.si_pid == vmm) return;
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, Fd& ready)
    : options_(std::move(options)),
      volume_(open_file(".", O_RDONLY | O_DIRECTORY)),
      run_lock_(take_run_lock(volume_, ready)),
      ready_(ready),
      config_(read_config(options_.volume)),
      driver_(vmm::driver_named(config_.driver)),
      signals_(block_signals()),
      events_(volume_, names::events, max_events_file),
      vmm_log_(volume_, std::string(driver_.log_file()), vmm_log_limit, 0600),
      console_(volume_),
      control_(volume_, [this](std::uint64_t client, const Json& request) { on_request(client, request); }),
      restarts_(config_.restart) {
  state_.desired = "running";
  state_.accel = to_string(options_.accel);
  state_.supervisor_pid = own_pid_on_host();
}

ExitStatus Supervisor::run() {
  ExitStatus status;
  try {
    prepare_devices();
    status = run_once();
    for (;;) {
      if (stop_) break;
      const auto ran = std::chrono::milliseconds(now_milliseconds() - state_.started_at_ms);
      const auto pause = restarts_.next(status, ran);
      if (!pause || !wait_before_restart(Deadline::after(*pause))) break;
      ++state_.restarts;
      record("restarting", fmt::format("number {}, after {}", state_.restarts, status.describe()));
      try {
        status = run_once();
      } catch (const Error& e) {
        record("failed", e.message());
        state_.reason = e.message();
        status = ExitStatus{1, 0};
      }
    }
  } catch (const Error& e) {
    fail(e.message());
    remove_runtime_files();
    throw;
  }
  note_end(status);
  remove_runtime_files();
  answer_stops();
  return status;
}

void Supervisor::prepare_devices() {
  if (::geteuid() == 0 && options_.own_mounts)
    open_devices_to(vmm_uid_of(config_), options_.accel == vmm::Accel::kvm, config_.has_nic());
}

ExitStatus Supervisor::run_once() {
  state_.exit_code.reset();
  state_.exit_signal.reset();
  state_.reason.clear();
  state_.last_words.clear();
  last_words_.clear();
  guest_word_.clear();
  guest_ended_.reset();
  outlived_guest_ = false;
  note_console_position();
  set_state(State::starting);
  record("starting", fmt::format("{}, {}", driver_.name(), state_.accel));
  launch();
  boot();
  state_.started_at_ms = now_milliseconds();
  set_state(State::running);
  record("running");
  say_ready();
  return watch_until_end();
}

void Supervisor::note_console_position() {
  struct stat log {};
  // The hub has opened it.
  if (::fstatat(volume_.get(), names::console_log, &log, AT_SYMLINK_NOFOLLOW) != 0)
    throw_errno("cannot look at console.log");
  state_.console_inode = log.st_ino;
  state_.console_offset = static_cast<std::uint64_t>(log.st_size);
}

void Supervisor::launch() {
  Fd vmm_lock = open_file_at(volume_, names::vmm_lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
  const Deadline deadline = Deadline::after(time_for_former_vmm);
  while (!try_inherited_lock(vmm_lock))
    if (!wait_until_unlocked(names::vmm_lock, deadline)) throw BusyError("the VMM of its last run has not ended yet");
  vmm::Site site;
  site.volume = &volume_;
  if (!options_.as_caller) site.user = vmm_credentials(config_);
  site.drop_capabilities = options_.as_caller;
  site.vmm_lock = &vmm_lock;
  site.parent_death_signal = SIGKILL;
  const std::string binary = options_.binary.empty() ? driver_.default_binary(config_.arch) : options_.binary;
  vmm_ = driver_.launch(to_spec(config_, options_.accel), binary, site);
  log_open_ = true;
  console_.attach(vmm_->console());
  state_.vmm_pid = pid_on_host(vmm_->process().pidfd());
  replace_file(std::string(driver_.pid_file()), std::to_string(state_.vmm_pid) + "\n", 0644,
               Durability::process_crash_only);
}

void Supervisor::boot() {
  try {
    vmm_->boot(Deadline::after(time_to_boot), [this] { still_wanted(); });
  } catch (const Error&) {
    vmm_->process().kill(SIGKILL);
    read_vmm_log();
    console_.detach();
    vmm_.reset();
    throw;
  }
}

// Between the steps of a start: the guest may already write, and who asked for it may be gone.
void Supervisor::still_wanted() {
  console_.drain();
  read_vmm_log();
  if (ready_ && (wait_for(ready_, POLLRDHUP, 0) & (POLLHUP | POLLRDHUP | POLLERR)) != 0)
    throw Error("given up, for the verb that wanted it went away");
}

void Supervisor::say_ready() {
  if (!ready_) return;
  send_line(ready_, Json{{"ok", true}, {"accel", state_.accel}, {"vmm_pid", state_.vmm_pid}}.dump());
  ready_.reset();
}

ExitStatus Supervisor::watch_until_end() {
  for (;;) {
    if (const auto ended = vmm_->process().try_wait()) {
      on_vmm_events();
      read_vmm_log();
      console_.detach();
      vmm_.reset();
      return outlived_guest_ ? ExitStatus{} : *ended;
    }
    Deadline next = stop_ ? stop_->escalate : Deadline::never();
    if (guest_ended_ && guest_ended_->at() < next.at()) next = *guest_ended_;
    turn(next);
    escalate_if_due();
    end_vmm_without_guest();
  }
}

bool Supervisor::wait_before_restart(Deadline deadline) {
  set_state(State::starting);
  while (!stop_ && !deadline.passed()) turn(deadline);
  return !stop_;
}

void Supervisor::turn(Deadline deadline) {
  Watches watches;
  watches.add(signals_.get(), POLLIN, [this](short) { on_signal(); });
  control_.watch(watches);
  console_.watch(watches);
  if (vmm_) {
    watches.add(vmm_->process().pidfd().get(), POLLIN, [](short) {});  // the caller looks
    if (log_open_) watches.add(vmm_->log().get(), POLLIN, [this](short) { read_vmm_log(); });
    if (const int events = vmm_->event_descriptor(); events >= 0)
      watches.add(events, POLLIN, [this](short) { on_vmm_events(); });
  }
  watches.turn(deadline);
}

void Supervisor::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) reap_strangers(vmm_ ? vmm_->process().pid() : 0);
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) begin_stop(default_stop_timeout, false);
  }
}

void Supervisor::on_request(std::uint64_t client, const Json& request) {
  const auto op = get<std::string>(request, "op");
  if (op == "stop") {
    const auto timeout =
        get_or<std::int64_t>(request, "timeout_ms", std::chrono::milliseconds(default_stop_timeout).count());
    if (timeout < 0 || timeout > 86'400'000) throw InvalidError("'timeout_ms' is not between 0 and a day");
    waiting_for_stop_.push_back(client);
    begin_stop(std::chrono::milliseconds(timeout), get_or<bool>(request, "force", false));
    return;
  }
  if (op != "pause" && op != "resume" && op != "query") throw InvalidError("'" + op + "' is not a known request");
  if (!vmm_) throw BusyError("its VMM is being restarted");
  if (op != "query") set_paused(op == "pause");
  control_.answer(client, {{"ok", true}, {"state", to_string(state_.state)}, {"vmm", vmm_->query()}});
}

void Supervisor::set_paused(bool paused) {
  if (stop_) throw BusyError("it is stopping");
  if (paused)
    vmm_->pause();
  else
    vmm_->resume();
  set_state(paused ? State::paused : State::running);
  record(paused ? "paused" : "resumed");
}

void Supervisor::on_vmm_events() {
  for (const auto& event : vmm_->take_events()) {
    if (event.kind == vmm::GuestEvent::Kind::shutdown || event.kind == vmm::GuestEvent::Kind::reset ||
        event.kind == vmm::GuestEvent::Kind::panicked) {
      guest_word_ = event.detail;
      if (event.kind != vmm::GuestEvent::Kind::panicked) guest_ended_ = Deadline::after(time_after_guest);
    }
    if (event.kind == vmm::GuestEvent::Kind::panicked) record("panicked", event.detail);
  }
}

void Supervisor::read_vmm_log() {
  std::array<char, 16384> chunk;  // NOLINT: filled by read
  for (int chunks = 0; log_open_ && chunks < 16; ++chunks) {
    const ssize_t n = ::read(vmm_->log().get(), chunk.data(), chunk.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      log_open_ = false;
      return;
    }
    const std::string_view bytes(chunk.data(), static_cast<std::size_t>(n));
    vmm_log_.append(bytes);
    last_words_ += bytes;
    if (last_words_.size() > 2 * kept_words) last_words_.erase(0, last_words_.size() - kept_words);
  }
}

void Supervisor::begin_stop(std::chrono::milliseconds timeout, bool force) {
  if (!stop_) {
    // Written down before the VMM is touched, so that no restart races it.
    state_.desired = "stopped";
    set_state(State::stopping);
    record("stopping", force ? "forced" : "");
    stop_ = Stop{"", Deadline::after(timeout)};
    if (!vmm_) {
      stop_->how = "it was not running";
      return;
    }
    if (!force) return ask_guest(timeout);
  }
  if (force && vmm_) kill_vmm(SIGKILL, "SIGKILL", time_after_sigterm);
}

void Supervisor::ask_guest(std::chrono::milliseconds timeout) {
  auto asked = vmm::StopRequest::none;
  try {
    if (vmm_->query() == "paused") vmm_->resume();  // who sleeps hears nothing
    asked = vmm_->ask_to_stop();
  } catch (const Error& e) {
    record("stopping", "the guest could not be asked: " + e.message());
  }
  if (asked == vmm::StopRequest::none) return kill_vmm(SIGTERM, "SIGTERM", time_after_sigterm);
  stop_->how = to_string(asked);
  stop_->escalate = Deadline::after(timeout);
}

void Supervisor::escalate_if_due() {
  if (!stop_ || !vmm_ || !stop_->escalate.passed()) return;
  if (stop_->terminated)
    kill_vmm(SIGKILL, "SIGKILL", time_after_sigterm);
  else
    kill_vmm(SIGTERM, "SIGTERM", time_after_sigterm);
}

void Supervisor::end_vmm_without_guest() {
  if (!guest_ended_ || !guest_ended_->passed() || !vmm_) return;
  guest_ended_.reset();
  outlived_guest_ = true;
  record("vmm-hung", fmt::format("{} did not end when its guest had", driver_.name()));
  vmm_->process().kill(SIGKILL);
}

void Supervisor::kill_vmm(int signal, const char* name, std::chrono::milliseconds grace) {
  vmm_->process().kill(signal);
  stop_->how = name;
  stop_->terminated = true;
  stop_->escalate = Deadline::after(grace);
}

void Supervisor::note_end(const ExitStatus& status) {
  state_.ended_at_ms = now_milliseconds();
  state_.desired = "stopped";
  if (status.signal != 0)
    state_.exit_signal = status.signal;
  else
    state_.exit_code = status.code;
  if (stop_) {
    state_.reason = "stopped by request (" + stop_->how + ")";
  } else if (status.success()) {
    state_.reason = guest_word_.empty() ? "the guest ended" : "the guest ended (" + guest_word_ + ")";
  } else {
    if (state_.reason.empty()) state_.reason = fmt::format("{} ended with {}", driver_.name(), status.describe());
    state_.last_words = last_lines(last_words_, 10);
  }
  const bool failed = !stop_ && !status.success();
  set_state(failed ? State::failed : State::stopped);
  record(failed ? "failed" : "stopped", state_.reason);
}

void Supervisor::fail(const std::string& reason) {
  state_.ended_at_ms = now_milliseconds();
  state_.desired = "stopped";
  state_.reason = reason;
  state_.last_words = last_lines(last_words_, 10);
  set_state(State::failed);
  record("failed", reason);
}

void Supervisor::set_state(State state) {
  state_.state = state;
  try {
    write_state(".", state_);
  } catch (const Error&) {
    // A full disk must not end a machine: the lock still tells whether it runs.
    record("state-not-written");
  }
}

void Supervisor::record(std::string_view kind, std::string_view detail) {
  events_.append(event_line(kind, detail, now_milliseconds()));
}

void Supervisor::remove_runtime_files() noexcept {
  // What cannot be removed is found by the next verb.
  for (const auto& file : {std::string(names::control), std::string(names::console), std::string(driver_.pid_file()),
                           std::string(driver_.socket_file()),
                           std::string(names::run_directory) + "/" + std::string(driver_.socket_file())})
    ::unlinkat(volume_.get(), file.c_str(), 0);
}

void Supervisor::answer_stops() {
  for (const auto client : waiting_for_stop_)
    control_.answer(client, {{"ok", true}, {"how", stop_ ? stop_->how : std::string("it ended by itself")}});
}

}  // namespace meros::machine
