#include <fmt/format.h>

#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/targets.h"

namespace meros::cli {
namespace {

struct Options {
  Targets targets;
  machine::VerbOptions verb;
};

}  // namespace

Action declare_start(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_verb_options(app, options->verb, "start");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      return outcome_of_start(id, machine::start(context.home(), id, options->verb));
    });
  };
}

}  // namespace meros::cli
