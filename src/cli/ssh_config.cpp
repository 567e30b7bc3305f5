#include <fmt/format.h>

#include <CLI/App.hpp>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/guest_options.h"
#include "machine/config.h"

namespace meros::cli {
namespace {

struct Options {
  std::optional<std::string> target;
  guest::LoginOptions login;
};

// How one would call it: by its name in the constellation's DNS, and as verbs do.
std::vector<std::string> names_of(const machine::MachineId& id, const std::string& host) {
  if (id.constellation.empty()) return {id.name, host};
  return {id.name + "." + id.constellation, id.constellation + "/" + id.name, host};
}

Json document_of(const machine::MachineId& id, const guest::SshTarget& target) {
  Json document = {{"machine", id.to_string()}, {"names", names_of(id, target.name)}, {"host", target.name}};
  for (const auto& [keyword, value] : guest::ssh_options(target)) document["options"][keyword] = value;
  return document;
}

int print_config(Context& context, const Options& options) {
  const auto& home = context.home();
  const auto machines = options.target ? machine::resolve_target(home, *options.target) : machine::list_machines(home);
  Json documents = Json::array();
  std::string text;
  for (const auto& id : machines) {
    try {
      // It need not run yet; and each tool shares connections by itself, or does not.
      const guest::SshTarget target{guest::host_name_of(id), guest::proxy_words(own_program(), home, id),
                                    guest::find_login(home, id, options.login), std::nullopt};
      text += (text.empty() ? "" : "\n") + guest::ssh_config_block(target, names_of(id, target.name));
      documents.push_back(document_of(id, target));
    } catch (const Error& e) {
      if (options.target && machines.size() == 1) throw;
      context.reporter().warn(fmt::format("{} is left out: {}", id.to_string(), e.message()));
    }
  }
  if (context.options.format == Format::table)
    context.out().write(text);
  else
    context.out().print(documents, context.options.format);
  return exit_done;
}

}  // namespace

Action declare_ssh_config(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  app.add_option("TARGET", options->target, "the machines (default: all)");
  add_login_options(app, options->login);
  app.footer("For ssh and all that is built on it: meros ssh-config lab > lab.ssh; ssh -F lab.ssh web.lab");
  return [options, &context] { return print_config(context, *options); };
}

}  // namespace meros::cli
