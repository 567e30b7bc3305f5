#include "constellation/plan.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/constellation.h"

namespace meros::cli {
namespace {

constexpr int exit_something_to_do = 7;  // of --exit-code

struct PlanOptions {
  ConstellationTarget target;
  std::vector<std::string> recreate;
  bool exit_code = false;
};

std::string coloured(const Output& out, const std::string& text) {
  std::string painted;
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::string whole = printable(line);
    const Colour colour = whole[0] == '+'   ? Colour::green
                          : whole[0] == '-' ? Colour::red
                          : whole[0] == '~' ? Colour::yellow
                                            : Colour::none;
    painted += out.paint(whole, colour) + "\n";
  }
  return painted;
}

int plan(Context& context, const PlanOptions& options) {
  const auto target = taken_apart(options.target);
  const Situation now = look_at(context, target.constellation);
  constellation::PlanOptions wishes;
  wishes.only = {target.machines.begin(), target.machines.end()};
  wishes.recreate = {options.recreate.begin(), options.recreate.end()};
  const auto plan = constellation::make_plan(now.wanted, now.found, wishes);
  if (context.options.format != Format::table) {
    Json document = to_json(plan);
    document["constellation"] = now.wanted.constellation;
    context.out().print(document, context.options.format);
  } else {
    context.out().write(coloured(context.out(), constellation::render(plan)));
    if (plan.nothing_to_do())
      context.reporter().note(fmt::format("'{}' is as its manifest says", now.wanted.constellation));
  }
  return options.exit_code && !plan.nothing_to_do() ? exit_something_to_do : exit_done;
}

}  // namespace

Action declare_plan(CLI::App& app, Context& context) {
  auto options = std::make_shared<PlanOptions>();
  add_constellation(app, options->target);
  app.add_option("--recreate", options->recreate, "as of 'meros init'")
      ->option_text("VM")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--exit-code", options->exit_code, "exit with 7 where there is something to do");
  return [options, &context] { return plan(context, *options); };
}

}  // namespace meros::cli
