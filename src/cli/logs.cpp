#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>

#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/terminal_filter.h"
#include "guest/log_follower.h"
#include "machine/config.h"
#include "machine/state.h"
#include "vmm/driver.h"

namespace meros::cli {
namespace {

struct Options {
  std::string target;
  std::string tail = "all";
  bool follow = false;
  bool of_vmm = false;
};

std::optional<std::size_t> parse_tail(const std::string& text) {
  if (text == "all") return std::nullopt;
  const auto lines = parse_unsigned(text);
  if (!lines || *lines > (std::uint64_t{1} << 32))
    throw UsageError(fmt::format("--tail: '{}' is not a number of lines", printable(text)), "write a number, or all");
  return *lines;
}

std::string log_name(const std::filesystem::path& volume, bool of_vmm) {
  if (!of_vmm) return machine::names::console_log;
  return std::string(vmm::driver_named(machine::read_config(volume).driver).log_file());
}

int print_logs(Context& context, const Options& options) {
  guest::FollowOptions follow;
  follow.lines = parse_tail(options.tail);
  follow.follow = options.follow;
  follow.output = STDOUT_FILENO;
  const auto volume_path = machine::volume_of(context.home(), machine::resolve_machine(context.home(), options.target));
  const Fd volume = open_file(volume_path, O_RDONLY | O_DIRECTORY);
  // A pipe or file gets the bytes as they are; a terminal is not the guest's to drive.
  TerminalFilter filter;
  guest::follow_log(volume, log_name(volume_path, options.of_vmm), follow, [&](std::string_view bytes) {
    if (context.out().is_terminal())
      context.out().write(filter.filter(bytes));
    else
      context.out().write(bytes);
    return !context.out().closed();
  });
  return exit_done;
}

}  // namespace

Action declare_logs(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  app.add_option("TARGET", options->target, "the machine")->required();
  app.add_flag("-f,--follow", options->follow, "go on until the machine stops; wait for one that was never started");
  app.add_option("-n,--tail", options->tail, "begin with so many of the last lines, or all (default)")
      ->option_text("LINES");
  app.add_flag("--vmm", options->of_vmm, "what the VMM itself says, in place of the guest's console");
  return [options, &context] { return print_logs(context, *options); };
}

}  // namespace meros::cli
