#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/guest_options.h"
#include "guest/transfer.h"

namespace meros::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  std::optional<std::string> to;
  guest::LoginOptions login;
};

// A file "web" and a machine "web" of the constellation "mos" do not share a place.
std::string place_for(Context& context, const machine::MachineId& id) {
  const std::string name = id.constellation.empty() ? id.name : id.constellation + "-" + id.name;
  return (context.home().data_dir / guest::shared_directory / name).string();
}

int pull(Context& context, Options& options) {
  const auto id = take_machine(context, options.words);
  if (context.rest) options.words.insert(options.words.end(), context.rest->begin(), context.rest->end());
  guest::Transfer transfer;
  transfer.way = guest::Transfer::Way::from_guest;
  for (const auto& word : options.words) transfer.sources.push_back(std::string(guest::shared_directory) + "/" + word);
  if (transfer.sources.empty()) transfer.sources.push_back(std::string(guest::shared_directory) + "/");
  transfer.destination = options.to.value_or(place_for(context, id)) + "/";
  transfer.progress = ::isatty(STDOUT_FILENO) != 0;
  if (const Owner owner = invoking_user(); owner.uid != ::geteuid()) transfer.owner = owner;
  const auto target = ssh_target_of(context, id, options.login);
  make_directories(transfer.destination);
  guest::run_transfer(target, id.to_string(), transfer);
  context.detail(fmt::format("it is in '{}'", transfer.destination));
  return exit_done;
}

}  // namespace

Action declare_pull(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("MACHINE", options->words,
                 "the machine (CONSTELLATION VM, CONSTELLATION/VM, or a unique VM), then what is wanted of its "
                 "~/mos-shared (default: all of it)");
  app.add_option("--to", options->to, "where it comes to (default: mos-shared/CONSTELLATION-VM in the data directory)")
      ->option_text("DIR");
  add_login_options(app, options->login);
  return [options, &context] { return pull(context, *options); };
}

}  // namespace meros::cli
