// Commands in guests, by ssh: one with our own standard streams, or one in each of many with its lines marked.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/remote_command.h"
#include "guest/ssh.h"
#include "machine/home.h"

namespace meros::guest {

// Everything that ssh has to know of a machine, its shared connection included. `program` is the one that dials
// (proxy_words). Error where the machine does not run or is not reachable.
SshTarget ssh_target(const machine::Home& home, const machine::MachineId& id, const Login& login,
                     const std::filesystem::path& program);

// Becomes ssh: a shell in the guest, with our terminal. `more` are options of ssh's, or a command of the user's.
[[noreturn]] void become_shell(const SshTarget& target, const std::vector<std::string>& more);

struct GuestCommand {
  std::string machine;  // for messages
  SshTarget target;
  RemoteCommand command;
};

enum class Terminal { no, yes };

// Runs it with standard input, output and error as ours. SIGINT, SIGQUIT, SIGTERM and SIGHUP go to the command in the
// guest. The command's exit status (128 + n after a signal); Error where ssh could not do it or its connection broke.
int run_command(const GuestCommand& command, Terminal terminal);

// Runs all of them at once, with no input. `line` gets each line as it comes, without its end, with the number of the
// command and the descriptor (1 or 2) that it was written to. The exit statuses in the order of the commands; -1 for
// one that ssh could not run or whose connection broke.
using OnLine = std::function<void(std::size_t command, int descriptor, std::string_view line)>;
std::vector<int> run_everywhere(const std::vector<GuestCommand>& commands, const OnLine& line);

}  // namespace meros::guest
