#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/constellation.h"
#include "cli/options.h"
#include "constellation/found.h"
#include "constellation/record.h"

namespace meros::cli {
namespace {

struct ShutdownOptions {
  ConstellationTarget target;
  constellation::ShutdownOptions shutdown;
};

// Nothing is left that would have to be known of it.
void forget_if_gone(const machine::Home& home, const std::string& name) {
  const auto record = constellation::read_record(home, name);
  if (record && record->enabled) return;
  if (constellation::find(home, name).machines.empty()) constellation::forget_record(home, name);
}

int shut_down(Context& context, ShutdownOptions& options) {
  const auto target = taken_apart(options.target);
  const std::string name = deployed_name(context, target.constellation);
  auto& shutdown = options.shutdown;
  shutdown.verb.reporter = &context.reporter();
  shutdown.only = {target.machines.begin(), target.machines.end()};
  const ProcessLock lock = constellation::lock_constellation(context.home(), name, shutdown.verb);
  StepPrinter printer(context, name, nullptr);
  const auto result = constellation::shut_down(context.home(), name, shutdown, printer);
  printer.finish();
  forget_if_gone(context.home(), name);
  return static_cast<int>(result.worst);
}

}  // namespace

Action declare_shutdown(CLI::App& app, Context& context) {
  auto options = std::make_shared<ShutdownOptions>();
  add_constellation(app, options->target);
  add_stop_options(app, options->shutdown.stop);
  app.add_flag("--volumes", options->shutdown.volumes, "delete the machines, with their disks");
  app.add_option("-j,--jobs", options->shutdown.jobs, "how many machines at once (default: 8)")
      ->option_text("N")
      ->check(CLI::Range(1, 1000));
  add_verb_options(app, options->shutdown.verb, "shutdown");
  return [options, &context] { return shut_down(context, *options); };
}

}  // namespace meros::cli
