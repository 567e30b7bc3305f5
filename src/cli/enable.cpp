#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/constellation.h"
#include "constellation/record.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

int enable(Context& context, const std::string& target) {
  const auto loaded = load_constellation(context, target);
  const std::string& name = loaded.manifest.constellation;
  constellation::write_record(context.home(), name, {fs::absolute(loaded.place.manifest).lexically_normal(), true});
  context.out().write(fmt::format("'meros init --all-enabled' brings up {} now\n", name));
  return exit_done;
}

int disable(Context& context, const std::string& target) {
  const std::string name = deployed_name(context, target);
  auto record = constellation::read_record(context.home(), name);
  if (!record || !record->enabled) {
    context.out().write(fmt::format("{} is not enabled\n", name));
    return exit_done;
  }
  record->enabled = false;
  constellation::write_record(context.home(), name, *record);
  context.out().write(fmt::format("'meros init --all-enabled' passes over {} now\n", name));
  return exit_done;
}

Action declare(CLI::App& app, Context& context, int (*verb)(Context&, const std::string&)) {
  auto target = std::make_shared<std::string>();
  app.add_option("CONSTELLATION", *target,
                 "a name in ./constellations, or the path of its directory (default: the directory we are in)");
  return [target, &context, verb] { return verb(context, *target); };
}

}  // namespace

Action declare_enable(CLI::App& app, Context& context) { return declare(app, context, enable); }
Action declare_disable(CLI::App& app, Context& context) { return declare(app, context, disable); }

}  // namespace meros::cli
