#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/command.h"
#include "cli/constellation.h"
#include "cli/machine_marks.h"
#include "cli/open_files.h"
#include "cli/options.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "cli/terminal_filter.h"
#include "guest/log_follower.h"
#include "guest/merged_logs.h"
#include "machine/config.h"
#include "machine/state.h"
#include "vmm/driver.h"

namespace meros::cli {
namespace {

struct Options {
  Targets targets;
  std::string tail = "all";
  std::optional<std::int64_t> since_ms;
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

// Those that are named; else those of the constellation whose directory this is; else all.
std::vector<machine::MachineId> machines_of(Context& context, Targets targets) {
  if (context.face() == machine::Face::meros && targets.names.empty() && std::filesystem::exists("manifest.yml"))
    targets.names.push_back(deployed_name(context, "."));
  targets.all = targets.names.empty();
  const Resolved found = resolve(context, targets);
  if (!found.errors.empty()) throw found.errors.front().second;
  return found.machines;
}

guest::FollowOptions follow_options(const Options& options) {
  guest::FollowOptions follow;
  follow.lines = parse_tail(options.tail);
  follow.since_ms = options.since_ms;
  follow.follow = options.follow;
  follow.output = STDOUT_FILENO;
  return follow;
}

int print_one(Context& context, const machine::MachineId& id, const Options& options) {
  const auto volume_path = machine::volume_of(context.home(), id);
  const Fd volume = open_file(volume_path, O_RDONLY | O_DIRECTORY);
  // A pipe or file gets the bytes as they are; a terminal is not the guest's to drive.
  TerminalFilter filter;
  guest::follow_log(volume, log_name(volume_path, options.of_vmm), follow_options(options),
                    [&](std::string_view bytes) {
                      if (context.out().is_terminal())
                        context.out().write(filter.filter(bytes));
                      else
                        context.out().write(bytes);
                      return !context.out().closed();
                    });
  return exit_done;
}

int print_many(Context& context, const std::vector<machine::MachineId>& machines, const Options& options) {
  allow_many_descriptors();
  guest::MergedLogs logs(follow_options(options));
  for (const auto& id : machines) {
    const auto volume = machine::volume_of(context.home(), id);
    logs.add(open_file(volume, O_RDONLY | O_DIRECTORY), log_name(volume, options.of_vmm));
  }
  const MachineMarks marks(context.out(), machines);
  do {
    while (const auto line = logs.next()) {
      std::string_view text = line->text;
      if (text.ends_with('\r')) text.remove_suffix(1);
      const bool to_terminal = context.out().is_terminal();
      context.out().write(marks.of(line->log) + (to_terminal ? printable_lines(text) : std::string(text)) + "\n");
      if (context.out().closed()) return exit_done;
    }
  } while (options.follow && logs.wait(STDOUT_FILENO));
  // The last lines, where they had no end.
  while (const auto line = logs.next()) context.out().write(marks.of(line->log) + printable_lines(line->text) + "\n");
  return exit_done;
}

}  // namespace

Action declare_logs(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  app.add_option("TARGET", options->targets.names,
                 "machines; the lines of several are marked (default: those of the constellation in whose directory "
                 "this is, else all)");
  app.add_flag("-f,--follow", options->follow, "go on until the machines stop; wait for one that was never started");
  app.add_option("-n,--tail", options->tail, "begin with so many of the last lines of each, or all (default)")
      ->option_text("LINES");
  app.add_option_function<std::string>(
         "--since", [options](const std::string& text) { options->since_ms = parse_since(text, now_milliseconds()); },
         "only what was written since then: 90s, 10m, 2h, 7d ago, or 2026-01-31T12:00:00Z")
      ->option_text("TIME");
  app.add_flag("--vmm", options->of_vmm, "what the VMM itself says, in place of the guest's console");
  return [options, &context] {
    parse_tail(options->tail);  // what makes no sense is said before the machines are looked for
    const auto machines = machines_of(context, options->targets);
    return machines.size() == 1 ? print_one(context, machines.front(), *options)
                                : print_many(context, machines, *options);
  };
}

}  // namespace meros::cli
