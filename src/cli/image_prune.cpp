#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "base/json.h"
#include "cli/command.h"
#include "image/images.h"

namespace meros::cli {
namespace {

int prune(Context& context, bool all) {
  if (all && !context.confirm("remove every stage that is kept? The next build begins anew"))
    return static_cast<int>(ExitCode::failed);
  const auto removed = image::prune(context.home(), all ? image::Prune::all : image::Prune::unused);
  if (context.options.format != Format::table) {
    context.out().print(Json(removed), context.options.format);
    return exit_done;
  }
  for (const auto& name : removed) context.out().write(fmt::format("removed {}\n", name));
  return exit_done;
}

}  // namespace

Action declare_image_prune(CLI::App& app, Context& context) {
  const auto all = std::make_shared<bool>(false);
  app.add_flag("--all", *all, "every stage, not just those that no image stands on");
  app.footer("Images stay; only what a later build would make again is removed.");
  return [&context, all] { return prune(context, *all); };
}

}  // namespace meros::cli
