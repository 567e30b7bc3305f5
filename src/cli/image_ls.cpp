#include <fmt/format.h>

#include <CLI/App.hpp>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "image/images.h"

namespace meros::cli {
namespace {

int list(Context& context) {
  const auto rows = image::list_images(context.home());
  if (context.options.format != Format::table) {
    Json documents = Json::array();
    for (const auto& row : rows)
      documents.push_back({{"name", row.name},
                           {"kind", row.kind},
                           {"bytes", row.bytes},
                           {"made_at", format_time(row.made_at)},
                           {"used_by", row.used_by}});
    context.out().print(documents, context.options.format);
    return exit_done;
  }
  Table table({"NAME", "KIND", "SIZE", "MADE", "USED BY"});
  for (const auto& row : rows)
    table.add({row.name, row.kind, format_bytes(row.bytes), format_time(row.made_at), join(row.used_by, ", ")});
  context.out().write(table.render(context.out()));
  return exit_done;
}

}  // namespace

Action declare_image_ls(CLI::App& app, Context& context) {
  app.footer("First the images that were built, then the stages that are kept for the next build.");
  return [&context] { return list(context); };
}

}  // namespace meros::cli
