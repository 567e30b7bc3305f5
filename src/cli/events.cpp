#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/event_feed.h"
#include "cli/open_files.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "machine/events.h"

namespace meros::cli {
namespace {

// New machines are found this late; what happens to known ones is shown at once.
constexpr int look_for_machines_ms = 500;

struct EventsOptions {
  Targets targets;
  bool follow = false;
  std::int64_t since_ms = 0;
};

Json document_of(const MachineEvent& event) {
  Json json = {{"at", format_time(event.event.at_ms)},
               {"at_ms", event.event.at_ms},
               {"machine", event.id.to_string()},
               {"event", event.event.kind}};
  if (!event.event.detail.empty()) json["detail"] = event.event.detail;
  return json;
}

std::string line_of(const MachineEvent& event) {
  return fmt::format("{}  {}  {}{}\n", format_time(event.event.at_ms), printable(event.id.to_string()),
                     printable(event.event.kind),
                     event.event.detail.empty() ? "" : "  " + printable(event.event.detail));
}

std::vector<machine::MachineId> machines_of(Context& context, const Targets& targets) {
  const Resolved found = resolve(context, targets);
  if (!found.errors.empty()) throw found.errors.front().second;
  return found.machines;
}

int print_past(Context& context, EventFeed& feed) {
  const auto events = feed.take();
  if (context.options.format == Format::table) {
    for (const auto& event : events) context.out().write(line_of(event));
    return exit_done;
  }
  Json document = Json::array();
  for (const auto& event : events) document.push_back(document_of(event));
  context.out().print(document, context.options.format);
  return exit_done;
}

// One line an event, whatever the format: there is no end that a document could wait for.
int follow(Context& context, EventFeed& feed, const EventsOptions& options) {
  auto& out = context.out();
  while (!out.closed()) {
    if (options.targets.all)
      for (const auto& id : machine::list_machines(context.home())) feed.add(id);
    for (const auto& event : feed.take())
      out.write(context.options.format == Format::json
                    ? document_of(event).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                    : line_of(event));
    if (!feed.wait(look_for_machines_ms, STDOUT_FILENO)) break;
  }
  return exit_done;
}

int print_events(Context& context, EventsOptions& options) {
  allow_many_descriptors();
  options.targets.all = options.targets.names.empty();
  EventFeed feed(context.home(), options.since_ms);
  for (const auto& id : machines_of(context, options.targets)) feed.add(id);
  if (!options.follow) return print_past(context, feed);
  if (context.options.format == Format::yaml) throw UsageError("--follow prints no YAML", "use -o json");
  return follow(context, feed, options);
}

}  // namespace

Action declare_events(CLI::App& app, Context& context) {
  auto options = std::make_shared<EventsOptions>();
  app.add_option("TARGET", options->targets.names, "machines (default: all of them)");
  app.add_flag("-f,--follow", options->follow, "go on (with -o json: one document a line)");
  app.add_option_function<std::string>(
         "--since", [options](const std::string& text) { options->since_ms = parse_since(text, now_milliseconds()); },
         "only what happened since then: 90s, 10m, 2h, 7d ago, or 2026-01-31T12:00:00Z")
      ->option_text("TIME");
  return [options, &context] { return print_events(context, *options); };
}

}  // namespace meros::cli
