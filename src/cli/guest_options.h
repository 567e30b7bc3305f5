// What the verbs that go into a guest have in common.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "guest/login.h"
#include "guest/remote_command.h"
#include "guest/ssh.h"
#include "machine/home.h"

namespace CLI {
class App;
}

namespace meros::cli {

// --user, --identity, --host-key
void add_login_options(CLI::App& app, guest::LoginOptions& options);

// --env, --workdir
struct CommandOptions {
  std::vector<std::string> variables;
  std::optional<std::string> directory;
};
void add_command_options(CLI::App& app, CommandOptions& options);

// The words after --; without it, all that come after the machine. UsageError where there are none, or some of both.
std::vector<std::string> command_words(const Context& context, std::vector<std::string>& words);
guest::RemoteCommand command_of(const CommandOptions& options, std::vector<std::string> argv);

// "C VM", "C/VM" or a VM whose name is unique, from the front of `words`; takes them off. UsageError where there are
// none.
machine::MachineId take_machine(Context& context, std::vector<std::string>& words);

// Everything that ssh needs to get into it; the checks come with it.
guest::SshTarget ssh_target_of(Context& context, const machine::MachineId& id, const guest::LoginOptions& options);

// This program's own file.
std::filesystem::path own_program();

}  // namespace meros::cli
