#include "vmm/qemu/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "vmm/qemu/descriptors.h"
#include "vmm/qemu/last_words.h"
#include "vmm/qemu/machine.h"
#include "vmm/qemu/qmp.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::chrono_literals;

// QEMU answers within a millisecond; one that takes this long hangs.
constexpr auto answer_time = 10s;
// From the end of its monitor to the end of the process. It has given back its memory by then.
constexpr auto ending_time = 10s;

// One descriptor that is readable while QEMU's monitor is, or while events wait that came together with an answer.
class EventSignal {
 public:
  explicit EventSignal(const Fd& monitor)
      : pending_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), either_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!pending_ || !either_) throw_errno("cannot watch QEMU's monitor");
    watch(monitor);
    watch(pending_);
  }
  int descriptor() const { return either_.get(); }
  void raise() const { ::eventfd_write(pending_.get(), 1); }
  void lower() const {
    eventfd_t count = 0;
    ::eventfd_read(pending_.get(), &count);
  }
  // A monitor at its end would stay readable for ever.
  void forget(const Fd& monitor) const { ::epoll_ctl(either_.get(), EPOLL_CTL_DEL, monitor.get(), nullptr); }

 private:
  void watch(const Fd& fd) const {
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (::epoll_ctl(either_.get(), EPOLL_CTL_ADD, fd.get(), &readable) != 0) throw_errno("cannot watch QEMU's monitor");
  }
  Fd pending_;
  Fd either_;
};

// What is in the pipe, left there for the one who keeps the log.
std::string peek(const Fd& pipe) {
  constexpr std::size_t most = 65536;  // the capacity of a pipe
  const Pipe copy = make_pipe();
  const ssize_t copied = ::tee(pipe.get(), copy.write_end.get(), most, SPLICE_F_NONBLOCK);
  if (copied <= 0) return {};
  std::string text(static_cast<std::size_t>(copied), '\0');
  const ssize_t n = ::read(copy.read_end.get(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

GuestEvent guest_event_of(const QmpEvent& event) {
  using Kind = GuestEvent::Kind;
  const auto word = [&](const char* key) {
    const bool there = event.data.is_object() && event.data.contains(key) && event.data[key].is_string();
    return there ? event.data[key].get<std::string>() : event.name;
  };
  if (event.name == "SHUTDOWN" || event.name == "RESET") {
    const std::string reason = word("reason");
    if (reason == "guest-panic") return {Kind::panicked, reason};
    return {event.name == "RESET" || reason == "guest-reset" ? Kind::reset : Kind::shutdown, reason};
  }
  if (event.name == "GUEST_PANICKED") return {Kind::panicked, word("action")};
  if (event.name == "STOP") return {Kind::paused, event.name};
  if (event.name == "RESUME") return {Kind::resumed, event.name};
  return {Kind::other, event.name};
}

class Process : public Vmm {
 public:
  Process(Plan plan, StopRequest stop_request, Child child, Fd console, Fd control, Fd log)
      : plan_(std::move(plan)),
        stop_request_(stop_request),
        child_(std::move(child)),
        console_(std::move(console)),
        log_(std::move(log)),
        qmp_(std::move(control)),
        signal_(qmp_.socket()) {}

  Child& process() override { return child_; }
  const Fd& console() const override { return console_; }
  const Fd& log() const override { return log_; }

  void boot(Deadline deadline, const StillWanted& still_wanted) override {
    explaining_its_end([&] {
      qmp_.greet(deadline, still_wanted);
      qmp_.execute("cont", nullptr, deadline, still_wanted);
    });
    try {
      check_running(state_of(qmp_.execute("query-status", nullptr, deadline, still_wanted)));
    } catch (const QmpClosed&) {
      // A signal can end it before we ask. `cont` was answered: it ran.
    }
    forget_our_resume();
  }

  int event_descriptor() const override { return signal_.descriptor(); }

  std::vector<GuestEvent> take_events() override {
    signal_.lower();
    std::vector<GuestEvent> events = std::exchange(kept_, {});
    for (const auto& event : read_events()) events.push_back(guest_event_of(event));
    return events;
  }

  StopRequest ask_to_stop() override {
    if (guest_ended_) return stop_request_;
    if (stop_request_ == StopRequest::ctrl_alt_del) {
      const auto key = [](const char* name) { return Json{{"type", "qcode"}, {"data", name}}; };
      command("send-key", {{"keys", {key("ctrl"), key("alt"), key("delete")}}});
    } else {
      command("system_powerdown");
    }
    return stop_request_;
  }

  void pause() override { command("stop"); }
  void resume() override { command("cont"); }
  std::string query() override { return guest_ended_ ? "shutdown" : state_of(command("query-status")); }

 private:
  Json command(std::string_view name, Json arguments = nullptr) {
    if (guest_ended_) throw Error("the guest has ended");
    Json answer;
    explaining_its_end([&] { answer = qmp_.execute(name, std::move(arguments), Deadline::after(answer_time)); });
    if (qmp_.has_more()) signal_.raise();
    return answer;
  }

  // RunState of qapi/run-state.json. "shutdown": the guest is through already.
  static void check_running(const std::string& state) {
    if (state == "running" || state == "shutdown") return;
    throw Error("qemu does not run the guest: it is in the state '" + state + "'",
                state == "internal-error" ? "KVM gave up: accel tcg runs without it" : "");
  }

  static std::string state_of(const Json& status) { return get<std::string>(status, "status"); }

  // A monitor that closes says nothing: what tells why is how the process ended, and its last words.
  template <typename Talk>
  void explaining_its_end(Talk talk) {
    try {
      talk();
    } catch (const QmpClosed&) {
      if (!child_.running()) throw Error("qemu has ended");
      if (qmp_.fell_silent()) child_.kill(SIGKILL);
      const auto status = child_.wait_until(Deadline::after(ending_time));
      if (!status) throw;
      throw_ending(*status, peek(log_), plan_);
    }
  }

  // boot() itself let the guest go: that is nothing the guest did.
  void forget_our_resume() {
    for (const auto& event : read_events())
      if (event.name != "RESUME") kept_.push_back(guest_event_of(event));
    if (!kept_.empty()) signal_.raise();
  }

  // After the guest's end QEMU halts, and is told to end, which it says too: that is nothing the guest did either.
  std::vector<QmpEvent> read_events() {
    std::vector<QmpEvent> events;
    for (auto& event : qmp_.take_events()) {
      const bool shutdown = event.name == "SHUTDOWN";
      if (guest_ended_ && (shutdown || event.name == "STOP")) continue;
      if (shutdown) end_qemu(guest_event_of(event).detail);
      events.push_back(std::move(event));
    }
    if (qmp_.ended()) signal_.forget(qmp_.socket());
    return events;
  }

  void end_qemu(const std::string& reason) {
    guest_ended_ = true;
    if (reason == "host-signal" || reason == "host-qmp-quit") return;  // it is ending
    try {
      qmp_.tell("quit", Deadline::after(answer_time));
    } catch (const Error&) {
      child_.kill(SIGTERM);
    }
  }

  Plan plan_;
  StopRequest stop_request_;
  Child child_;
  Fd console_;
  Fd log_;
  Qmp qmp_;
  EventSignal signal_;
  bool guest_ended_ = false;
  std::vector<GuestEvent> kept_;  // taken from the monitor already, not yet from us
};

Command command_of(const Plan& plan, const Descriptors& open, const Site& site, const Fd& log) {
  Command command;
  command.argv = plan.argv;
  // Ours is none of its business: it may hold secrets, and QEMU runs what a guest may have taken over.
  command.clean_environment = true;
  command.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"};
  command.pass(log.get(), 1);
  command.pass(log.get(), 2);
  int next = 3;
  for (const auto& one : open.passed) {
    command.pass(one.fd.get(), one.target);
    next = std::max(next, one.target + 1);
  }
  if (site.vmm_lock != nullptr) command.pass(site.vmm_lock->get(), next);
  command.working_directory = site.volume->get();
  // Ctrl+C on the terminal of a supervisor in the foreground is for the supervisor.
  command.new_session = true;
  command.credentials = site.user;
  command.drop_capabilities = site.drop_capabilities;
  command.parent_death_signal = site.parent_death_signal;
  command.no_new_privileges = true;
  return command;
}

}  // namespace

std::unique_ptr<Vmm> launch(Plan plan, const Spec& spec, const Site& site) {
  Descriptors open = open_descriptors(plan, spec, *site.volume);
  Pipe log = make_pipe();
  set_nonblocking(log.read_end);
  Child child;
  try {
    child = spawn(command_of(plan, open, site, log.write_end));
  } catch (...) {
    remove_sockets(plan, *site.volume);
    throw;
  }
  const StopRequest stop_request = stop_request_of(machine_of(spec));
  return std::make_unique<Process>(std::move(plan), stop_request, std::move(child), std::move(open.console),
                                   std::move(open.control), std::move(log.read_end));
}

}  // namespace meros::vmm::qemu
