#include "cli/guest_options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "guest/session.h"

namespace meros::cli {

void add_login_options(CLI::App& app, guest::LoginOptions& options) {
  app.add_option("-u,--user", options.user, "who logs in (default: the user of the machine's image)")
      ->option_text("USER");
  app.add_option("--identity", options.identity, "the private key (default: the one that was made with the image)")
      ->option_text("FILE");
  app.add_option("--host-key", options.host_key,
                 "the machine's public host key, where it is not known yet, or accept-new: the first that is seen")
      ->option_text("FILE");
}

void add_command_options(CLI::App& app, CommandOptions& options) {
  app.add_option("-e,--env", options.variables, "a variable of the command's; may be given several times")
      ->option_text("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("-w,--workdir", options.directory, "the directory in the guest that it runs in")->option_text("DIR");
}

std::vector<std::string> command_words(const Context& context, std::vector<std::string>& words) {
  if (!context.rest) return std::exchange(words, {});
  if (!words.empty())
    throw UsageError(fmt::format("'{}' is one word too many", printable(words.front())), "the command comes after --");
  return *context.rest;
}

guest::RemoteCommand command_of(const CommandOptions& options, std::vector<std::string> argv) {
  if (argv.empty()) throw UsageError("no command is given", "write it after --");
  guest::RemoteCommand command;
  command.argv = std::move(argv);
  command.directory = options.directory;
  for (const auto& variable : options.variables) command.environment.push_back(guest::parse_variable(variable));
  return command;
}

machine::MachineId take_machine(Context& context, std::vector<std::string>& words) {
  if (words.empty())
    throw UsageError("no machine is named", "name it as CONSTELLATION VM, as CONSTELLATION/VM, or by a unique VM");
  const auto& home = context.home();
  // Two words are one machine where they name one; else the second is something else of the verb's.
  if (words.size() > 1 && is_valid_name(words[0]) && is_valid_name(words[1])) {
    const machine::MachineId id{words[0], words[1]};
    if (std::filesystem::exists(machine::volume_of(home, id) / "config.json")) {
      words.erase(words.begin(), words.begin() + 2);
      return id;
    }
  }
  auto id = machine::resolve_machine(home, words[0]);
  words.erase(words.begin());
  return id;
}

std::filesystem::path own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

guest::SshTarget ssh_target_of(Context& context, const machine::MachineId& id, const guest::LoginOptions& options) {
  const auto login = guest::find_login(context.home(), id, options);
  return guest::ssh_target(context.home(), id, login, own_program());
}

}  // namespace meros::cli
