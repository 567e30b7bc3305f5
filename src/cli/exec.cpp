#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/guest_options.h"
#include "cli/terminal_filter.h"
#include "guest/session.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  std::vector<std::string> variables;
  std::optional<std::string> directory;
  bool terminal = false;
  bool all = false;
  guest::LoginOptions login;
};

guest::RemoteCommand command_of(const Options& options, std::vector<std::string> argv) {
  if (argv.empty()) throw UsageError("no command is given", "write it after --");
  guest::RemoteCommand command;
  command.argv = std::move(argv);
  command.directory = options.directory;
  for (const auto& variable : options.variables) command.environment.push_back(guest::parse_variable(variable));
  return command;
}

// The words after --; without it, all that come after the machine.
std::vector<std::string> command_words(const Context& context, std::vector<std::string>& words) {
  if (!context.rest) return std::exchange(words, {});
  if (!words.empty())
    throw UsageError(fmt::format("'{}' is one word too many", printable(words.front())), "the command comes after --");
  return *context.rest;
}

int run_in_one(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  const auto command = command_of(options, command_words(context, options.words));
  const auto terminal = options.terminal ? guest::Terminal::yes : guest::Terminal::no;
  return guest::run_command({id.to_string(), ssh_target_of(context, id, options.login), command}, terminal);
}

std::vector<machine::MachineId> machines_of(Context& context, std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("no constellation is named", "name one whose machines are all meant");
  auto found = machine::resolve_target(context.home(), words.front());
  words.erase(words.begin());
  return found;
}

// The longest name decides where the lines begin.
std::string mark_of(const machine::MachineId& id, std::size_t width) {
  return fmt::format("{:<{}} | ", id.to_string(), width);
}

class MarkedLines {
 public:
  MarkedLines(Context& context, const std::vector<machine::MachineId>& machines) : context_(context) {
    std::size_t width = 0;
    for (const auto& id : machines) width = std::max(width, id.to_string().size());
    constexpr std::array colours = {Colour::green, Colour::yellow, Colour::none};
    for (std::size_t i = 0; i < machines.size(); ++i)
      marks_.push_back(context.out().paint(mark_of(machines[i], width), colours.at(i % colours.size())));
  }
  void print(std::size_t machine, int descriptor, std::string_view line) {
    if (descriptor != 1) {
      if (line.ends_with('\r')) line.remove_suffix(1);  // ssh's own messages
      context_.print_line(marks_[machine] + printable_lines(line));
      return;
    }
    const bool to_terminal = context_.out().is_terminal();
    context_.out().write(marks_[machine] + (to_terminal ? printable_lines(line) : std::string(line)) + "\n");
  }

 private:
  Context& context_;
  std::vector<std::string> marks_;
};

int run_in_all(Context& context, Options& options) {
  if (options.terminal) throw UsageError("-t and --all exclude each other");
  const auto machines = machines_of(context, options.words);
  const auto command = command_of(options, command_words(context, options.words));
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
  app.add_option("-e,--env", options->variables, "a variable of the command's; may be given several times")
      ->option_text("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("-w,--workdir", options->directory, "the directory in the guest that it runs in")->option_text("DIR");
  add_login_options(app, options->login);
  return [options, &context] { return options->all ? run_in_all(context, *options) : run_in_one(context, *options); };
}

}  // namespace meros::cli
