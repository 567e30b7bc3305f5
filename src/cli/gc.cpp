#include <CLI/App.hpp>

#include "base/json.h"
#include "cli/command.h"
#include "cli/options.h"

namespace meros::cli {
namespace {

int collect(Context& context, machine::VerbOptions& options) {
  options.reporter = &context.reporter();
  const auto done = machine::collect_garbage(context.home(), options);
  if (context.options.format != Format::table) {
    context.out().print(Json{{"done", done}}, context.options.format);
    return exit_done;
  }
  for (const auto& line : done) context.out().write(printable(line) + "\n");
  if (done.empty()) context.reporter().note("there is nothing to mend");
  return exit_done;
}

}  // namespace

Action declare_gc(CLI::App& app, Context& context) {
  auto options = std::make_shared<machine::VerbOptions>();
  add_verb_options(app, *options, "gc");
  return [options, &context] { return collect(context, *options); };
}

}  // namespace meros::cli
