#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include "cli/command.h"
#include "cli/guest_options.h"
#include "guest/application.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  CommandOptions command;
  bool x11 = false;
  std::string compression;
  guest::LoginOptions login;
};

int run(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  const auto command = command_of(options.command, command_words(context, options.words));
  guest::Application application{{id.to_string(), ssh_target_of(context, id, options.login), command}, {}, {}};
  application.x11 = options.x11 ? guest::X11::yes : guest::X11::no;
  application.compression = options.compression;
  return guest::run_application(application);
}

}  // namespace

Action declare_run(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("MACHINE", options->words,
                 "the machine: CONSTELLATION VM, CONSTELLATION/VM, or a unique VM; then -- and the application");
  app.add_flag("--x11", options->x11, "an X11 application: in an X server of its own in the machine (Xwayland)");
  app.add_option("--compress", options->compression, "none, lz4 or zstd (default: lz4)")
      ->option_text("HOW")
      ->check(CLI::IsMember({"none", "lz4", "zstd"}));
  add_command_options(app, options->command);
  add_login_options(app, options->login);
  app.footer(
      "Its windows are shown by the Wayland compositor here; waypipe is needed here and in the machine. It ends with "
      "this command, and this command with it.");
  return [options, &context] { return run(context, *options); };
}

}  // namespace meros::cli
