#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/guest_options.h"
#include "cli/machine_marks.h"
#include "cli/terminal_filter.h"
#include "guest/session.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  CommandOptions command;
  bool terminal = false;
  bool all = false;
  guest::LoginOptions login;
};

int run_in_one(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  const auto command = command_of(options.command, command_words(context, options.words));
  const auto terminal = options.terminal ? guest::Terminal::yes : guest::Terminal::no;
  return guest::run_command({id.to_string(), ssh_target_of(context, id, options.login), command}, terminal);
}

std::vector<machine::MachineId> machines_of(Context& context, std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("no constellation is named", "name one whose machines are all meant");
  auto found = machine::resolve_target(context.home(), words.front());
  words.erase(words.begin());
  return found;
}

class MarkedLines {
 public:
  MarkedLines(Context& context, const std::vector<machine::MachineId>& machines)
      : context_(context), marks_(context.out(), machines) {}
  void print(std::size_t machine, int descriptor, std::string_view line) {
    if (descriptor != 1) {
      if (line.ends_with('\r')) line.remove_suffix(1);  // ssh's own messages
      context_.print_line(marks_.of(machine) + printable_lines(line));
      return;
    }
    const bool to_terminal = context_.out().is_terminal();
    context_.out().write(marks_.of(machine) + (to_terminal ? printable_lines(line) : std::string(line)) + "\n");
  }

 private:
  Context& context_;
  MachineMarks marks_;
};

int run_in_all(Context& context, Options& options) {
  if (options.terminal) throw UsageError("-t and --all exclude each other");
  const auto machines = machines_of(context, options.words);
  const auto command = command_of(options.command, command_words(context, options.words));
  std::vector<guest::GuestCommand> commands;
  for (const auto& id : machines)
    commands.push_back({id.to_string(), ssh_target_of(context, id, options.login), command});
  MarkedLines lines(context, machines);
  const auto results = guest::run_everywhere(
      commands, [&](std::size_t i, int descriptor, std::string_view line) { lines.print(i, descriptor, line); });
  int worst = exit_done;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] < 0)
      context.print_error(
          Error(fmt::format("ssh could not run it in '{}', or its connection broke", machines[i].to_string())));
    worst = std::max(worst, results[i] < 0 ? static_cast<int>(ExitCode::failed) : results[i]);
  }
  return worst;
}

}  // namespace

Action declare_exec(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("MACHINE", options->words,
                 "the machine: CONSTELLATION VM, CONSTELLATION/VM, or a unique VM; then -- and the command");
  app.add_flag("--all", options->all,
               "in all machines of the constellation at once; lines are marked, the worst exit "
               "status counts");
  app.add_flag("-t,--tty", options->terminal, "with a terminal in the guest");
  add_command_options(app, options->command);
  add_login_options(app, options->login);
  return [options, &context] { return options->all ? run_in_all(context, *options) : run_in_one(context, *options); };
}

}  // namespace meros::cli
