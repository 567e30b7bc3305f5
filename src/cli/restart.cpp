#include <CLI/App.hpp>

#include "base/deadline.h"
#include "cli/command.h"
#include "cli/outcome.h"
#include "cli/targets.h"
#include "guest/shared_connection.h"

namespace meros::cli {
namespace {

struct RestartOptions {
  Targets targets;
  machine::StopOptions stop;
  machine::VerbOptions verb;
  Programs programs;
};

}  // namespace

Action declare_restart(CLI::App& app, Context& context) {
  auto options = std::make_shared<RestartOptions>();
  add_targets(app, options->targets);
  add_jobs(app, options->targets);
  add_stop_options(app, options->stop);
  add_program_options(app, options->programs, context.face());
  add_verb_options(app, options->verb, "restart");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    return for_each_target(context, options->targets, [&](const machine::MachineId& id) {
      const auto begin = Deadline::clock::now();
      auto verb = options->verb;
      verb.binary = program_for(context, id, options->programs);
      const auto stopped = machine::stop(context.home(), id, options->stop, verb);
      guest::end_shared_connections(context.home(), id);
      auto started = machine::start(context.home(), id, verb);
      started.took = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::clock::now() - begin);
      return outcome_of_restart(id, stopped, started);
    });
  };
}

}  // namespace meros::cli
