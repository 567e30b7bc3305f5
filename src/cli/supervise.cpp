#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/options.h"

namespace meros::cli {
namespace {

struct SuperviseOptions {
  std::string target;
  machine::VerbOptions verb;
  Programs programs;
};

}  // namespace

Action declare_supervise(CLI::App& app, Context& context) {
  auto options = std::make_shared<SuperviseOptions>();
  app.add_option("TARGET", options->target, "the machine")->required();
  add_program_options(app, options->programs, context.face());
  add_verb_options(app, options->verb, "supervise");
  app.footer("SIGTERM and SIGINT stop the guest gracefully. The exit status is that of the VMM.");
  return [options, &context] {
    options->verb.reporter = &context.reporter();
    const auto id = machine::resolve_machine(context.home(), options->target);
    options->verb.binary = program_for(context, id, options->programs);
    return machine::supervise(context.home(), id, options->verb).shell_code();
  };
}

}  // namespace meros::cli
