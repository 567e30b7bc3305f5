#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "base/json.h"
#include "cli/command.h"
#include "constellation/manifest_file.h"

namespace meros::cli {
namespace {

std::string count_of(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Json document_of(const constellation::Diagnostic& diagnostic) {
  Json document = {
      {"severity", to_string(diagnostic.severity)}, {"file", diagnostic.origin}, {"message", diagnostic.message}};
  document["line"] = diagnostic.at ? Json(diagnostic.at.line) : Json();
  document["column"] = diagnostic.at ? Json(diagnostic.at.column) : Json();
  document["help"] = diagnostic.help.empty() ? Json() : Json(diagnostic.help);
  return document;
}

Json document_of(const constellation::Place& place, const constellation::ParseResult& result) {
  Json diagnostics = Json::array();
  for (const auto& diagnostic : result.diagnostics) diagnostics.push_back(document_of(diagnostic));
  Json document = {{"constellation", place.name},
                   {"manifest", place.manifest.string()},
                   {"valid", result.manifest.has_value()},
                   {"diagnostics", std::move(diagnostics)},
                   {"more", result.more}};
  document["machines"] = result.manifest ? Json(result.manifest->machines.size()) : Json();
  document["bridges"] = result.manifest ? Json(result.manifest->bridges.size()) : Json();
  return document;
}

int validate(Context& context, const std::string& target) {
  const auto place = constellation::find_constellation(target);
  if (context.options.format == Format::table) {
    const auto manifest = constellation::load_manifest(place, context.reporter());
    context.out().write(fmt::format("ok: {}, {}\n", count_of(manifest.machines.size(), "machine"),
                                    count_of(manifest.bridges.size(), "bridge")));
    return exit_done;
  }
  const auto result = constellation::read_manifest(place);
  context.out().print(document_of(place, result), context.options.format);
  return result.manifest ? exit_done : static_cast<int>(ExitCode::invalid);
}

}  // namespace

Action declare_validate(CLI::App& app, Context& context) {
  const auto target = std::make_shared<std::string>();
  app.add_option(
      "CONSTELLATION", *target,
      "a name in ./constellations, or the path of its directory or manifest (default: the directory we are in)");
  return [&context, target] { return validate(context, *target); };
}

}  // namespace meros::cli
