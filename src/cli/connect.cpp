#include <fmt/format.h>

#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/guest_options.h"
#include "guest/session.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  guest::LoginOptions login;
};

int connect(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  if (!options.words.empty())
    throw UsageError(fmt::format("'{}' is one word too many", printable(options.words.front())),
                     "what is meant for ssh comes after --");
  guest::become_shell(ssh_target_of(context, id, options.login), context.rest.value_or(std::vector<std::string>{}));
}

}  // namespace

Action declare_connect(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("MACHINE", options->words, "the machine: CONSTELLATION VM, CONSTELLATION/VM, or a unique VM");
  add_login_options(app, options->login);
  app.footer("What comes after -- goes to ssh: options of its own, or a command for the guest's shell.");
  return [options, &context] { return connect(context, *options); };
}

}  // namespace meros::cli
