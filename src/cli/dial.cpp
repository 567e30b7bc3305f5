#include <CLI/App.hpp>

#include "cli/command.h"
#include "guest/reach.h"

namespace meros::cli {
namespace {

using namespace std::chrono_literals;

// A guest whose network is just coming up needs some seconds.
constexpr auto time_to_dial = 15s;

}  // namespace

// What ssh runs as its ProxyCommand (guest/ssh.h).
Action declare_dial(CLI::App& app, Context& context) {
  auto target = std::make_shared<std::string>();
  app.add_option("TARGET", *target, "the machine")->required();
  return [target, &context] {
    const auto id = machine::resolve_machine(context.home(), *target);
    guest::pass_to_stdout(guest::dial(context.home(), id, guest::ssh_port, time_to_dial));
    return exit_done;
  };
}

}  // namespace meros::cli
