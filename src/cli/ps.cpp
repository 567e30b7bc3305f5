#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/format.h"
#include "cli/state_text.h"
#include "machine/state.h"

namespace meros::cli {
namespace {

// How often --watch looks. What it costs is that of one `ps`: some milliseconds with hundreds of machines.
constexpr int watch_interval_ms = 500;

struct PsOptions {
  bool all = false;
  bool watch = false;
  bool names_only = false;
};

std::vector<machine::Status> wanted_machines(Context& context, const PsOptions& options) {
  return machine::status_of_all(context.home(), options.all ? machine::Which::all : machine::Which::alive);
}

std::vector<Table::Cell> row_of(const machine::Status& status) {
  std::vector<Table::Cell> row = {status.id.to_string(),
                                  {std::string(to_string(status.state)), colour_of(status.state)}};
  if (!status.config) return {row[0], row[1], "?", "?", "?", "?", "?", uptime_of(status)};
  const auto& config = *status.config;
  const bool alive = is_alive(status.state);
  row.emplace_back(config.driver);
  row.emplace_back(alive && !status.file.accel.empty() ? status.file.accel : config.accel);
  row.emplace_back(std::to_string(config.cpu_count));
  row.emplace_back(format_bytes(config.memory_mb << 20));
  const auto* nic = config.main_nic();
  row.emplace_back(nic != nullptr && !nic->guest_ip.empty() ? nic->guest_ip : "-");
  row.emplace_back(uptime_of(status));
  return row;
}

std::string table_of(const std::vector<machine::Status>& machines, const Output& out) {
  Table table({"NAME", "STATE", "DRIVER", "ACCEL", "CPUS", "MEMORY", "ADDRESS", "UPTIME"});
  for (const auto& status : machines) table.add(row_of(status));
  return table.render(out);
}

Json document_of(const std::vector<machine::Status>& machines) {
  Json document = Json::array();
  for (const auto& status : machines) document.push_back(to_json(status));
  return document;
}

int list_once(Context& context, const PsOptions& options) {
  const auto machines = wanted_machines(context, options);
  if (options.names_only) {
    std::string names;
    for (const auto& status : machines) names += status.id.to_string() + "\n";
    context.out().write(names);
    return exit_done;
  }
  if (context.options.format != Format::table) {
    context.out().print(document_of(machines), context.options.format);
    return exit_done;
  }
  context.out().write(table_of(machines, context.out()));
  for (const auto& status : machines)
    if (!status.problem.empty()) context.reporter().warn(fmt::format("{}: {}", status.id.to_string(), status.problem));
  return exit_done;
}

// False when nobody reads any more.
bool pause_for_reader() {
  pollfd one{STDOUT_FILENO, 0, 0};
  if (::poll(&one, 1, watch_interval_ms) < 0 && errno != EINTR) throw_errno("cannot wait");
  return (one.revents & (POLLERR | POLLHUP)) == 0;
}

// On a terminal the table is drawn over itself; elsewhere what changed is printed again: a table, or one JSON document
// a line.
int watch(Context& context, const PsOptions& options) {
  constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";
  auto& out = context.out();
  Json shown;
  do {
    const auto machines = wanted_machines(context, options);
    const bool changed = std::exchange(shown, document_of(machines)) != shown;
    if (context.options.format == Format::json && changed)
      out.write(shown.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    if (context.options.format == Format::table && out.is_terminal())
      out.write(std::string(clear_screen) + table_of(machines, out));
    if (context.options.format == Format::table && !out.is_terminal() && changed) out.write(table_of(machines, out));
  } while (!out.closed() && pause_for_reader());
  return exit_done;
}

}  // namespace

Action declare_ps(CLI::App& app, Context& context) {
  auto options = std::make_shared<PsOptions>();
  app.add_flag("-a,--all", options->all, "those that do not run, too");
  app.add_flag("-w,--watch", options->watch, "go on, and show every change (with -o json: one document a line)");
  app.add_flag("-q,--quiet", options->names_only, "only their names, one a line")->excludes("--watch");
  return [options, &context] {
    if (!options->watch) return list_once(context, *options);
    if (context.options.format == Format::yaml) throw UsageError("--watch prints no YAML", "use -o json");
    return watch(context, *options);
  };
}

}  // namespace meros::cli
