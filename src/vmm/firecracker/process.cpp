#include "vmm/firecracker/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/unix_socket.h"
#include "vmm/firecracker/api.h"
#include "vmm/firecracker/config.h"
#include "vmm/firecracker/refusal.h"
#include "vmm/firecracker/serial_line.h"
#include "vmm/firecracker/socket_watch.h"

namespace meros::vmm::firecracker {
namespace {

using namespace std::chrono_literals;

// Pausing takes below a millisecond; one that takes this long hangs.
constexpr auto answer_time = 10s;
// From the end of the API connection to the end of the process, which gives back the guest's memory in between.
constexpr auto ending_time = 10s;

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

class Process : public Vmm {
 public:
  Process(Plan plan, Child child, Fd console, Fd log, SocketWatch api_socket)
      : plan_(std::move(plan)),
        child_(std::move(child)),
        console_(std::move(console)),
        log_(std::move(log)),
        api_socket_(std::move(api_socket)) {}

  Child& process() override { return child_; }
  const Fd& console() const override { return console_; }
  const Fd& log() const override { return log_; }

  void boot(Deadline deadline, const StillWanted& still_wanted) override {
    try {
      api_ = Api(api_socket_.connect(child_, deadline, still_wanted));
      for (const auto& request : plan_.requests) check(request, api_.exchange(request, deadline, still_wanted));
    } catch (const Disconnected&) {
      // A connection that closes says nothing: what tells why is how the process ended, and its last words.
      const auto status = child_.wait_until(Deadline::after(ending_time));
      if (!status) throw;
      throw_ending(*status, last_words(peek(log_)));
    }
  }

  int event_descriptor() const override { return -1; }
  std::vector<GuestEvent> take_events() override { return {}; }

  StopRequest ask_to_stop() override {
    if (host_arch() != Arch::x86_64) return StopRequest::none;
    send({"PUT", "/actions", R"({"action_type":"SendCtrlAltDel"})"});
    return StopRequest::ctrl_alt_del;
  }

  void pause() override { send({"PATCH", "/vm", R"({"state":"Paused"})"}); }
  void resume() override { send({"PATCH", "/vm", R"({"state":"Resumed"})"}); }

  std::string query() override {
    const Json instance = parse_json(send({"GET", "/", ""}).body, "Firecracker's answer to GET /");
    auto state = get<std::string>(instance, "state");
    std::transform(state.begin(), state.end(), state.begin(), [](unsigned char c) { return std::tolower(c); });
    return state;
  }

 private:
  // For a running machine: its end is the caller's to see and to tell, so the process is not waited for here.
  Answer send(const Plan::Request& request) {
    const Deadline deadline = Deadline::after(answer_time);
    try {
      if (!api_.usable()) api_ = Api(api_socket_.connect(child_, deadline, {}));
      Answer answer = api_.exchange(request, deadline, {});
      check(request, answer);
      return answer;
    } catch (const Disconnected&) {
      throw Error("Firecracker has ended");
    }
  }

  Plan plan_;
  Child child_;
  Fd console_;
  Fd log_;
  SocketWatch api_socket_;
  Api api_;
};

void check_taps(const Spec& spec) {
  for (const Nic& nic : spec.nics)
    if (::if_nametoindex(nic.tap.c_str()) == 0)
      throw NotFoundError(fmt::format("TAP device '{}' does not exist", nic.tap),
                          fmt::format("make it with: ip tuntap add dev {} mode tap", nic.tap));
}

// The name by which people know the socket. Whatever had the name before, a socket of another program's say, is gone.
void link_socket(const Fd& volume) {
  const std::string target = fmt::format("{}/{}", run_directory, socket_name);
  if (::unlinkat(volume.get(), socket_name, 0) != 0 && errno != ENOENT)
    throw_errno(fmt::format("cannot remove the old '{}'", socket_name));
  if (::symlinkat(target.c_str(), volume.get(), socket_name) != 0)
    throw_errno(fmt::format("cannot make the link '{}'", socket_name));
}

// Firecracker opens its log anew by name, as the user that it runs as; a pipe is open to its owner only.
Pipe make_log_pipe(const Site& site) {
  Pipe log = make_pipe();
  set_nonblocking(log.read_end);
  if (site.user && ::fchown(log.write_end.get(), site.user->uid, site.user->gid) != 0)
    throw_errno("cannot give the log's pipe to the VMM's user");
  return log;
}

Command command_of(const Plan& plan, const SerialLine& serial, const Fd& log, const Site& site) {
  Command command;
  command.argv = plan.argv;
  // Ours is none of its business: it may hold secrets, and Firecracker runs what a guest may have taken over.
  command.clean_environment = true;
  command.pass(serial.theirs.get(), 0);
  command.pass(serial.theirs.get(), 1);
  command.pass(log.get(), 2);
  if (site.vmm_lock != nullptr) command.pass(site.vmm_lock->get(), 3);
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
  check_taps(spec);
  SocketWatch api_socket(open_file_at(*site.volume, run_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  SerialLine serial = open_serial_line();
  Pipe log = make_log_pipe(site);
  Child child = spawn(command_of(plan, serial, log.write_end, site));
  link_socket(*site.volume);
  return std::make_unique<Process>(std::move(plan), std::move(child), std::move(serial.ours), std::move(log.read_end),
                                   std::move(api_socket));
}

}  // namespace meros::vmm::firecracker
