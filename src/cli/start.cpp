#include <fmt/format.h>

#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/targets.h"

namespace meros::cli {
namespace {

struct StartOptions {
  Targets targets;
  machine::VerbOptions verb;
  Programs programs;
};

}  // namespace

Action declare_start(CLI::App& app, Context& context) {
  auto options = std::make_shared<StartOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_program_options(app, options->programs, context.face());
  add_verb_options(app, options->verb, "start");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      auto verb = options->verb;
      verb.binary = program_for(context, id, options->programs);
      return outcome_of_start(id, machine::start(context.home(), id, verb));
    });
  };
}

}  // namespace meros::cli
