#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "image/images.h"

namespace meros::cli {
namespace {

int remove(Context& context, const std::vector<std::string>& names) {
  int code = exit_done;
  for (const auto& name : names) {
    try {
      image::remove_image(context.home(), name, context.reporter());
      context.out().write(fmt::format("removed {}\n", printable(name)));
    } catch (const Error& e) {
      context.print_error(e);
      code = std::max(code, static_cast<int>(e.exit_code()));
    }
  }
  return code;
}

}  // namespace

Action declare_image_rm(CLI::App& app, Context& context) {
  const auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("NAME", *names, "C/VM, or a stage as 'image ls' names it")->required();
  app.footer("Machines keep the disks that they have.");
  return [&context, names] { return remove(context, *names); };
}

}  // namespace meros::cli
