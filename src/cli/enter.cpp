#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <memory>

#include "base/child.h"
#include "cli/command.h"
#include "cli/constellation.h"
#include "network/holder.h"

namespace meros::cli {
namespace {

struct EnterOptions {
  std::string target;
  std::vector<std::string> command;
};

int enter(Context& context, const EnterOptions& options) {
  const std::string name = deployed_name(context, options.target);
  auto holder = network::Holder::find(context.home().network_dir(name));
  if (!holder)
    throw NotFoundError(fmt::format("the network of '{}' is not up", name), fmt::format("meros init {}", name));
  const Fd network = holder->network_namespace();
  const auto user = holder->user_namespace();
  Command command;
  command.argv = options.command;
  command.pass_stdio();
  command.network_namespace = network.get();
  if (user) command.user_namespace = user->get();
  return spawn(command).wait().shell_code();
}

}  // namespace

Action declare_enter(CLI::App& app, Context& context) {
  auto options = std::make_shared<EnterOptions>();
  app.add_option("CONSTELLATION", options->target, "one whose network is up")->required();
  app.add_option("COMMAND", options->command, "what to run in its network namespace, after --")->required();
  return [options, &context] { return enter(context, *options); };
}

}  // namespace meros::cli
