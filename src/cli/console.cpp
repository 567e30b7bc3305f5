#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>

#include <csignal>

#include "cli/command.h"
#include "cli/options.h"
#include "guest/console_client.h"
#include "machine/control.h"

namespace meros::cli {
namespace {

struct Options {
  std::string target;
  std::string escape = "^]";
  std::optional<std::chrono::milliseconds> linger;
};

// As if it had come without us in between: the shell sees which signal it was.
int end_by(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  return 128 + signal;
}

int attach(Context& context, const Options& options) {
  guest::ConsoleOptions console;
  console.escape = guest::parse_escape(options.escape);
  console.linger = options.linger;
  const auto id = machine::resolve_machine(context.home(), options.target);
  console.machine = id.to_string();
  const Fd volume = open_file(machine::volume_of(context.home(), id), O_RDONLY | O_DIRECTORY);
  auto connection = machine::connect_console(volume);
  if (!connection)
    throw Error(fmt::format("machine '{}' does not run", console.machine),
                fmt::format("start it: {} start {}", context.program(), console.machine));
  const guest::ConsoleStreams streams{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  const auto end = guest::attach_console(std::move(*connection), streams, console);
  return end.kind == guest::ConsoleEnd::Kind::signalled ? end_by(end.signal) : exit_done;
}

}  // namespace

Action declare_console(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  app.add_option("TARGET", options->target, "the machine")->required();
  app.add_option("--escape", options->escape, "the key that detaches: ^] (default), another as ^A, or none")
      ->option_text("KEY");
  app.add_option_function<std::string>(
         "--timeout", [options](const std::string& text) { options->linger = parse_seconds(text, "--timeout"); },
         "how long to go on reading after the end of the input, where that is no terminal (default: until the machine "
         "ends)")
      ->option_text("SECONDS");
  app.footer(
      "The end of the console's log comes first. Without a terminal, standard input goes to the guest as it is.");
  return [options, &context] { return attach(context, *options); };
}

}  // namespace meros::cli
