#include <CLI/App.hpp>

#include "base/json.h"
#include "cli/command.h"
#include "cli/targets.h"

namespace meros::cli {
namespace {

struct ResumeOptions {
  Targets targets;
  machine::VerbOptions verb;
};

Outcome resumed(const machine::MachineId& id, bool changed) {
  return {changed ? "resumed " + id.to_string() : id.to_string() + " is running already",
          [changed](Json& json) { json["resumed"] = changed; }};
}

}  // namespace

Action declare_resume(CLI::App& app, Context& context) {
  auto options = std::make_shared<ResumeOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_verb_options(app, options->verb, "resume");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      return resumed(id, machine::resume(context.home(), id, options->verb));
    });
  };
}

}  // namespace meros::cli
