#include "guest/running_command.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "guest/shared_connection.h"

namespace meros::guest {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_signal = 5s;

// Keys that a terminal turns into signals go to the command in the guest, by us; ssh would only hang up.
int keep_terminal_signals(const void*) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGQUIT);
  return ::sigprocmask(SIG_BLOCK, &set, nullptr) == 0 ? 0 : errno;
}

GuestCommand tagged(GuestCommand command) {
  command.command.tag = random_tag();
  return command;
}

std::string_view signal_name(int signal) {
  if (signal == SIGINT) return "INT";
  if (signal == SIGQUIT) return "QUIT";
  return signal == SIGHUP ? "HUP" : "TERM";
}

}  // namespace

std::string random_tag() {
  std::array<unsigned char, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw_errno("cannot get random bytes");
  std::string tag;
  for (const auto byte : bytes) tag += fmt::format("{:02x}", byte);
  return tag;
}

Command ssh_command(const SshTarget& target, const std::vector<std::string>& options, const std::string& line) {
  Command ssh;
  ssh.argv = ssh_argv(target, options);
  ssh.argv.push_back(line);
  ssh.environment.push_back(std::string("SHELL=") + plain_shell);
  ssh.prepare = keep_terminal_signals;
  return ssh;
}

RunningCommand::RunningCommand(GuestCommand command, const std::vector<std::string>& options,
                               const std::optional<SshTarget>& through)
    : command_(tagged(std::move(command))),
      ssh_(ssh_command(through.value_or(command_.target), options, remote_command_line(command_.command))) {}

void RunningCommand::pass_on(int signal) {
  if (!running()) return;
  if (signals_passed_++ == 0 && send(signal)) return;
  child_.kill(SIGTERM);
}

bool RunningCommand::send(int signal) {
  try {
    return run(ssh_command(command_.target, {"-o", "BatchMode=yes"},
                           remote_signal_line(command_.command.tag, std::string(signal_name(signal)))),
               {}, Deadline::after(time_to_signal))
        .status.success();
  } catch (const TimeoutError&) {
    return false;
  }
}

std::optional<int> RunningCommand::result() {
  const int code = child_.wait().shell_code();
  const auto& control = command_.target.control_path;
  // A connection that is still there means that the command itself said 255.
  if (code == ssh_failed && !(control && is_served(*control))) return std::nullopt;
  return code;
}

}  // namespace meros::guest
