#include "cli/option_list.h"

#include <CLI/App.hpp>

#include "cli/options.h"

namespace meros::cli {
namespace {

OptionInfo describe(const CLI::Option& option) {
  OptionInfo info;
  for (const auto& name : option.get_snames()) info.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) info.names.push_back("--" + name);
  const bool takes_value = option.get_items_expected_max() > 0;
  if (takes_value) info.value = option.get_option_text().empty() ? "VALUE" : option.get_option_text();
  info.description = option.get_description();
  info.global = option.get_group() == global_group;
  return info;
}

VerbInfo describe(const Verb& verb, Context& context) {
  VerbInfo info{std::string(verb.name), std::string(verb.alias), std::string(verb.summary), {}, {}};
  CLI::App app;
  app.set_help_flag("-h,--help", "show this help")->group(global_group);
  verb.declare(app, context);
  add_global_options(app, context);
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional())
      info.positional = option->get_name(true);
    else
      info.options.push_back(describe(*option));
  }
  return info;
}

}  // namespace

std::vector<VerbInfo> describe_verbs(machine::Face face) {
  Context context(face);
  std::vector<VerbInfo> all;
  for (const auto& verb : verbs_of(face)) all.push_back(describe(verb, context));
  return all;
}

}  // namespace meros::cli
