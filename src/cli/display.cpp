#include <CLI/App.hpp>

#include "cli/command.h"
#include "guest/display.h"

namespace meros::cli {
namespace {

struct Options {
  std::string target;
  bool only_socket = false;
};

int display(Context& context, const Options& options) {
  const auto id = machine::resolve_machine(context.home(), options.target);
  const auto socket = guest::display_socket(context.home(), id);
  if (!options.only_socket) guest::become_viewer(socket, id);
  context.out().write(socket.string() + "\n");
  return exit_done;
}

}  // namespace

Action declare_display(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  app.add_option("TARGET", options->target, "the machine, which has `display: true`")->required();
  app.add_flag("--socket", options->only_socket, "print the path of its VNC server's socket, and start no viewer");
  app.footer("The screen is served on a socket in the machine's volume, and at no port.");
  return [options, &context] { return display(context, *options); };
}

}  // namespace meros::cli
