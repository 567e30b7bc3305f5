// A command that is to run in a guest exactly as it was given. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace meros::guest {

struct RemoteCommand {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment;
  std::optional<std::string> directory;
  std::string tag;  // names its shell among the guest's processes, so that a signal finds it; letters and digits
};

// "KEY=value"; InvalidError for what is no name of a variable.
std::pair<std::string, std::string> parse_variable(const std::string& text);

// One word for sshd, which hands it to the user's shell: the arguments arrive as they were, whatever is in them. The
// exit status is that of the command, 128 + n after signal n, 126 where the directory cannot be entered.
std::string remote_command_line(const RemoteCommand& command);

// Sends a signal ("TERM") to everything that the command with this tag started.
std::string remote_signal_line(const std::string& tag, const std::string& signal);

}  // namespace meros::guest
