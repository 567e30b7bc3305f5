#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>

#include "cli/command.h"
#include "cli/guest_options.h"
#include "guest/transfer.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  guest::LoginOptions login;
};

int push(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  if (context.rest) options.words.insert(options.words.end(), context.rest->begin(), context.rest->end());
  if (options.words.empty()) throw UsageError("nothing to push is named", "name files or directories of this host");
  guest::Transfer transfer;
  transfer.sources = options.words;
  transfer.destination = std::string(guest::shared_directory) + "/";
  transfer.progress = ::isatty(STDOUT_FILENO) != 0;
  guest::run_transfer(ssh_target_of(context, id, options.login), id.to_string(), transfer);
  return exit_done;
}

}  // namespace

Action declare_push(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("MACHINE", options->words,
                 "the machine (CONSTELLATION VM, CONSTELLATION/VM, or a unique VM), then the files and directories");
  add_login_options(app, options->login);
  app.footer("They come to ~/mos-shared in the guest. Names that begin with '-' come after --.");
  return [options, &context] { return push(context, *options); };
}

}  // namespace meros::cli
