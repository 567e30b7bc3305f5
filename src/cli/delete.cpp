#include <fmt/format.h>

#include <CLI/App.hpp>

#include "base/json.h"
#include "cli/command.h"
#include "cli/targets.h"
#include "guest/shared_connection.h"

namespace meros::cli {
namespace {

struct DeleteOptions {
  Targets targets;
  machine::StopOptions stop;
  machine::VerbOptions verb;
  bool if_exists = false;
};

Outcome outcome_of(const std::string& machine, bool deleted) {
  return {deleted ? "deleted " + machine : machine + " is not there",
          [deleted](Json& json) { json["deleted"] = deleted; }};
}

Outcome remove_machine(Context& context, const machine::MachineId& id, const DeleteOptions& options) {
  try {
    guest::end_shared_connections(context.home(), id);
    machine::remove(context.home(), id, options.stop, options.verb);
    return outcome_of(id.to_string(), true);
  } catch (const NotFoundError&) {
    if (!options.if_exists) throw;
    return outcome_of(id.to_string(), false);
  }
}

int remove_all(Context& context, DeleteOptions& options) {
  options.verb.reporter = &context.reporter();
  if (options.targets.all) {
    const auto count = machine::list_machines(context.home()).size();
    if (count > 0 && !context.confirm(fmt::format("delete all {} machines with their disks?", count)))
      throw Error("nothing was deleted");
  }
  OnMissing on_missing;
  if (options.if_exists) on_missing = [](const std::string& target) { return outcome_of(target, false); };
  return for_each_target(
      context, options.targets, [&](const machine::MachineId& id) { return remove_machine(context, id, options); },
      on_missing);
}

}  // namespace

Action declare_delete(CLI::App& app, Context& context) {
  auto options = std::make_shared<DeleteOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  app.add_flag("--if-exists", options->if_exists, "a machine that is not there is no error");
  add_stop_options(app, options->stop);
  add_verb_options(app, options->verb, "delete");
  return [options, &context] { return remove_all(context, *options); };
}

}  // namespace meros::cli
