#include <CLI/App.hpp>

#include "base/json.h"
#include "cli/command.h"
#include "cli/targets.h"

namespace meros::cli {
namespace {

struct PauseOptions {
  Targets targets;
  machine::VerbOptions verb;
};

Outcome paused(const machine::MachineId& id, bool changed) {
  return {changed ? "paused " + id.to_string() : id.to_string() + " is already paused",
          [changed](Json& json) { json["paused"] = changed; }};
}

}  // namespace

Action declare_pause(CLI::App& app, Context& context) {
  auto options = std::make_shared<PauseOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_verb_options(app, options->verb, "pause");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      return paused(id, machine::pause(context.home(), id, options->verb));
    });
  };
}

}  // namespace meros::cli
