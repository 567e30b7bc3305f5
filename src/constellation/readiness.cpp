#include "constellation/readiness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <chrono>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "guest/directory_watch.h"
#include "guest/log_reader.h"
#include "guest/session.h"
#include "machine/state.h"
#include "network/holder.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 100ms;      // at what no descriptor tells of: a port inside the guest
constexpr auto time_to_connect = 2s;    // a packet to a guest that boots is lost, and sent again after one second
constexpr auto time_to_greet = 10s;     // sshd makes its keys ready first
constexpr std::size_t shown_lines = 5;  // of the console

class Waiting {
 public:
  Waiting(const machine::Home& home, const machine::MachineId& id, const Ready& ready, Deadline deadline)
      : home_(home),
        id_(id),
        ready_(ready),
        deadline_(deadline),
        path_(machine::volume_of(home, id)),
        volume_(open_file(path_, O_RDONLY | O_DIRECTORY)) {
    watch_.add(volume_);
  }

  void run() {
    while (!is_ready()) {
      const auto status = machine::status_of(home_, id_);
      if (has_ended(status.state))
        throw Error(fmt::format("'{}' ended before it was ready{}", id_.name, end_of(status)));
      if (deadline_.passed()) give_up();
      guest::wait_for_change(watch_, path_, deadline_.at_most(look_again));
    }
  }

 private:
  static bool has_ended(machine::State state) {
    return state == machine::State::stopped || state == machine::State::failed || state == machine::State::created;
  }

  bool is_ready() {
    switch (ready_.by) {
      case Ready::By::none:
        return true;
      case Ready::By::tcp:
        return static_cast<bool>(dial(ready_.port));
      case Ready::By::ssh:
        return ssh_greets();
      case Ready::By::console:
        return console_says();
      case Ready::By::exec:
        return command_succeeds();
    }
    return true;
  }

  Fd dial(std::uint16_t port) {
    stage_ = fmt::format("nothing answers at port {}", port);
    const auto config = machine::read_config(path_);
    if (config.nics.empty() || config.nics.front().guest_ip.empty())
      throw InvalidError(fmt::format("'{}' has no address at which it could be asked whether it is ready", id_.name),
                         "give it a network, or 'ready: console:TEXT'");
    auto holder = network::Holder::find(home_.network_dir(config.network_name));
    if (!holder) return {};
    const auto address = network::parse_ipv4(config.nics.front().guest_ip, "guest_ip");
    try {
      return holder->dial(address, port, std::chrono::duration_cast<std::chrono::milliseconds>(time_to_connect));
    } catch (const Error& e) {
      stage_ += " (" + e.message() + ")";
      return {};
    }
  }

  bool ssh_greets() {
    const Fd connection = dial(22);
    if (!connection) return false;
    stage_ = "its sshd does not greet";
    std::array<char, 4> greeting{};
    std::size_t have = 0;
    const Deadline patience = deadline_.at_most(time_to_greet);
    while (have < greeting.size()) {
      if (wait_for(connection, POLLIN, patience.poll_timeout()) == 0) return false;
      const ssize_t n = ::read(connection.get(), greeting.data() + have, greeting.size() - have);
      if (n <= 0) return false;
      have += static_cast<std::size_t>(n);
    }
    return std::string_view(greeting.data(), greeting.size()) == "SSH-";
  }

  bool console_says() {
    stage_ = fmt::format("its console did not say {}", in_quotes(ready_.text));
    if (!console_) {
      const auto state = machine::read_state(path_);
      if (!state || state->console_inode == 0) return false;
      console_.emplace(volume_, machine::names::console_log,
                       guest::LogReader::Position{state->console_inode, state->console_offset});
    }
    for (std::string bytes = console_->take(); !bytes.empty(); bytes = console_->take()) {
      heard_ += bytes;
      if (heard_.find(ready_.text) != std::string::npos) return true;
      if (heard_.size() > ready_.text.size()) heard_.erase(0, heard_.size() - ready_.text.size());
    }
    return false;
  }

  bool command_succeeds() {
    if (!ssh_greets()) return false;
    stage_ = fmt::format("{} does not succeed in it", in_quotes(ready_.text));
    auto target = guest::ssh_target(home_, id_, guest::find_login(home_, id_, {}), fs::read_symlink("/proc/self/exe"));
    // Who shares a connection leaves a process behind, with our pipes.
    target.control_path.reset();
    Command command;
    command.argv = guest::ssh_argv(target);
    guest::RemoteCommand remote;
    remote.argv = {"sh", "-c", ready_.text};
    remote.tag = "ready";
    command.argv.push_back(guest::remote_command_line(remote));
    try {
      return meros::run(std::move(command), {}, deadline_).status.success();
    } catch (const TimeoutError&) {
      return false;
    }
  }

  static std::string end_of(const machine::Status& status) {
    std::string text;
    if (!status.file.reason.empty()) text += ": " + status.file.reason;
    if (!status.file.last_words.empty()) text += "\n" + status.file.last_words;
    return text;
  }

  [[noreturn]] void give_up() {
    const std::string tail = last_lines(log_tail((path_ / machine::names::console_log).string(), 8192), shown_lines);
    throw TimeoutError(
        fmt::format("'{}' is not ready: {}{}", id_.name, stage_,
                    tail.empty() ? "; its console is empty" : "; the last lines of its console:\n" + tail),
        fmt::format("see 'meros logs {}', or give it more --timeout", id_.to_string()));
  }

  const machine::Home& home_;
  const machine::MachineId& id_;
  const Ready& ready_;
  Deadline deadline_;
  fs::path path_;
  Fd volume_;
  guest::DirectoryWatch watch_;
  std::optional<guest::LogReader> console_;
  std::string heard_;
  std::string stage_ = "it is booting";
};

}  // namespace

std::optional<Ready> ready_of(const machine::Home& home, const machine::MachineId& id) {
  const auto config = machine::read_config(machine::volume_of(home, id));
  if (config.origin.empty()) return std::nullopt;
  return parse_ready(get_or<std::string>(parse_json(config.origin, "origin"), "ready", "none"));
}

void wait_until_ready(const machine::Home& home, const machine::MachineId& id, const Ready& ready, Deadline deadline) {
  if (ready.by == Ready::By::none) return;
  Waiting(home, id, ready, deadline).run();
}

}  // namespace meros::constellation
