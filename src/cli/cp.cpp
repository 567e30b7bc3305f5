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
  std::vector<std::string> paths;
  guest::LoginOptions login;
};

// The machine that all of the paths are in.
std::string only_machine(const std::vector<guest::GuestPath>& paths) {
  for (const auto& path : paths)
    if (path.machine != paths.front().machine)
      throw UsageError("the paths are in several machines", "copy from one machine at a time");
  return paths.front().machine;
}

int copy(Context& context, Options& options) {
  if (context.rest) options.paths.insert(options.paths.end(), context.rest->begin(), context.rest->end());
  if (options.paths.size() < 2) throw UsageError("two paths are wanted", "from where, and to where: one as C/VM:PATH");
  const std::string last = options.paths.back();
  options.paths.pop_back();
  std::vector<guest::GuestPath> in_guest;
  for (const auto& path : options.paths)
    if (const auto found = guest::parse_guest_path(path)) in_guest.push_back(*found);
  const auto destination = guest::parse_guest_path(last);
  if (!in_guest.empty() && in_guest.size() != options.paths.size())
    throw UsageError("some of what is to be copied is in a machine, and some is not");
  if (destination.has_value() != in_guest.empty())
    throw UsageError(destination ? "both sides are in machines" : "neither side is in a machine",
                     "write the one in a machine as C/VM:PATH");

  guest::Transfer transfer;
  transfer.progress = ::isatty(STDOUT_FILENO) != 0;
  std::string machine;
  if (destination) {
    machine = destination->machine;
    transfer.sources = options.paths;
    transfer.destination = destination->path;
  } else {
    machine = only_machine(in_guest);
    transfer.way = guest::Transfer::Way::from_guest;
    for (const auto& path : in_guest) transfer.sources.push_back(path.path);
    transfer.destination = last;
    if (const Owner owner = invoking_user(); owner.uid != ::geteuid()) transfer.owner = owner;
  }
  const auto id = machine::resolve_machine(context.home(), machine);
  guest::run_transfer(ssh_target_of(context, id, options.login), id.to_string(), transfer);
  return exit_done;
}

}  // namespace

Action declare_cp(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  context.takes_rest = true;
  app.add_option("PATH", options->paths, "what is copied, and where to; one side is in a machine, as C/VM:PATH");
  add_login_options(app, options->login);
  app.footer("Directories are copied whole. A path in a machine that does not begin with / is below the user's home.");
  return [options, &context] { return copy(context, *options); };
}

}  // namespace meros::cli
