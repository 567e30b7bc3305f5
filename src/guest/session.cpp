#include "guest/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <list>

#include "base/child.h"
#include "base/error.h"
#include "base/watch.h"
#include "guest/reach.h"
#include "guest/running_command.h"
#include "guest/shared_connection.h"
#include "guest/signal_watch.h"

namespace meros::guest {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_dial = 15s;  // the network of a guest that has just booted comes up late
constexpr std::size_t longest_line = std::size_t{64} << 10;

// Cuts a stream into lines; what is longer than a line may be comes in pieces.
class Lines {
 public:
  Lines(Fd from, std::function<void(std::string_view)> sink) : from_(std::move(from)), sink_(std::move(sink)) {}
  const Fd& descriptor() const { return from_; }

  void take_in() {
    std::array<char, 16384> buffer{};
    const ssize_t n = ::read(from_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
      if (!rest_.empty()) sink_(std::exchange(rest_, {}));
      from_.reset();
      return;
    }
    rest_.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      sink_(std::string_view(rest_).substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    if (rest_.size() > longest_line) sink_(std::exchange(rest_, {}));
  }

 private:
  Fd from_;
  std::function<void(std::string_view)> sink_;
  std::string rest_;
};

// Until nothing runs and nothing is left to read.
void run_to_end(SignalWatch& signals, std::list<RunningCommand>& all, std::list<Lines>& streams) {
  for (;;) {
    Watches watches;
    std::size_t open = 0;
    watches.add(signals.descriptor().get(), POLLIN, [&](short) {
      while (const auto signal = signals.take())
        for (auto& one : all) one.pass_on(*signal);
    });
    for (auto& stream : streams)
      if (stream.descriptor()) {
        ++open;
        watches.add(stream.descriptor().get(), POLLIN, [&stream](short) { stream.take_in(); });
      }
    for (auto& one : all)
      if (one.running()) {
        ++open;
        watches.add(one.pidfd().get(), POLLIN, [&one](short) { one.result(); });
      }
    if (open == 0) return;
    watches.turn(Deadline::never());
  }
}

}  // namespace

SshTarget ssh_target(const machine::Home& home, const machine::MachineId& id, const Login& login,
                     const std::filesystem::path& program) {
  require_reachable(home, id);
  SshTarget target{host_name_of(id), proxy_words(program, home, id), login, shared_connection(home, id, login)};
  // ssh keeps to itself what its ProxyCommand says: why there is no way in is asked here, before it is started.
  if (!target.control_path || !is_served(*target.control_path)) dial(home, id, ssh_port, time_to_dial);
  return target;
}

void become_shell(const SshTarget& target, const std::vector<std::string>& more) {
  auto words = ssh_argv(target);
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::setenv("SHELL", plain_shell, 1);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(argv.front(), argv.data());
  if (errno == ENOENT) throw HostError("the program 'ssh' is not installed", "install it: apt install openssh-client");
  throw_errno("cannot run 'ssh'");
}

int run_command(const GuestCommand& command, Terminal terminal) {
  std::vector<std::string> options = {"-T"};
  // Where our input is no terminal, one is wanted in the guest all the same.
  if (terminal == Terminal::yes) options = {::isatty(STDIN_FILENO) != 0 ? "-t" : "-tt"};
  std::list<RunningCommand> one;
  one.emplace_back(command, options).description().pass_stdio();
  std::list<Lines> no_streams;
  SignalWatch signals(signals_passed_on);
  one.front().start();
  run_to_end(signals, one, no_streams);
  if (const auto code = one.front().result()) return *code;
  throw Error(
      fmt::format("ssh could not run it in '{}', or its connection broke", command.machine),
      fmt::format(
          "see what it said above; a host key that changed for a good reason is named with --host-key FILE, and "
          "the console always works: meros console {}",
          command.machine));
}

std::vector<int> run_everywhere(const std::vector<GuestCommand>& commands, const OnLine& line) {
  std::list<RunningCommand> all;
  std::list<Lines> streams;
  std::vector<Pipe> pipes;
  pipes.reserve(2 * commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    auto& running = all.emplace_back(commands[i], std::vector<std::string>{"-T", "-o", "BatchMode=yes"});
    for (const int descriptor : {1, 2}) {
      pipes.push_back(make_pipe());
      running.description().pass(pipes.back().write_end.get(), descriptor);
      streams.emplace_back(std::move(pipes.back().read_end),
                           [&line, i, descriptor](std::string_view text) { line(i, descriptor, text); });
    }
  }
  SignalWatch signals(signals_passed_on);
  for (auto& one : all) one.start();
  pipes.clear();  // so that the commands are the only writers
  run_to_end(signals, all, streams);
  std::vector<int> results;
  for (auto& one : all) results.push_back(one.result().value_or(-1));
  return results;
}

}  // namespace meros::guest
