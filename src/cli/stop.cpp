#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/targets.h"
#include "guest/shared_connection.h"

namespace meros::cli {
namespace {

struct StopOptions {
  Targets targets;
  machine::StopOptions stop;
  machine::VerbOptions verb;
};

}  // namespace

Action declare_stop(CLI::App& app, Context& context) {
  auto options = std::make_shared<StopOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_stop_options(app, options->stop);
  add_verb_options(app, options->verb, "stop");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      const auto stopped = machine::stop(context.home(), id, options->stop, options->verb);
      guest::end_shared_connections(context.home(), id);
      return outcome_of_stop(id, stopped);
    });
  };
}

}  // namespace meros::cli
