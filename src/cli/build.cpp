#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/format.h"
#include "constellation/build_specs.h"
#include "constellation/manifest_file.h"
#include "image/build.h"
#include "image/use.h"

namespace meros::cli {
namespace {

struct Options {
  std::string constellation;
  std::vector<std::string> machines;
  std::string keyring;
  bool rootfs_only = false;  // the only thing that there is to build
  std::string use;           // an image that is brought
  std::string size;          // of its disk
  image::BuildOptions build;
};

// The machines that are meant: those named, by their own name or their group's, or all. Those that are not built here
// are passed over, or are an error where they were named.
std::vector<const constellation::Machine*> chosen(const constellation::Manifest& manifest, const Options& options,
                                                  Reporter& reporter) {
  std::vector<const constellation::Machine*> machines;
  for (const auto& name : options.machines) {
    const auto is_meant = [&](const constellation::Machine& m) { return m.name == name || m.group == name; };
    if (std::ranges::any_of(manifest.machines, is_meant)) continue;
    std::vector<std::string> known;
    for (const auto& machine : manifest.machines) known.push_back(machine.name);
    const auto near = nearest(name, known);
    throw NotFoundError(fmt::format("there is no machine '{}' in '{}'", printable(name), manifest.constellation),
                        near ? fmt::format("did you mean '{}'?", *near) : "");
  }
  for (const auto& machine : manifest.machines) {
    const auto is_named = [&](const std::string& name) { return name == machine.name || name == machine.group; };
    if (!options.machines.empty() && std::ranges::none_of(options.machines, is_named)) continue;
    if (machine.distribution == constellation::Distribution::none && options.use.empty())
      reporter.note(fmt::format("{} has no distribution and is not built here", machine.name));
    else
      machines.push_back(&machine);
  }
  return machines;
}

Json document_of(const image::BuildOutcome& outcome) {
  Json document = {{"machine", outcome.machine}, {"ok", outcome.result.has_value()}};
  if (outcome.error) document["error"] = to_json(*outcome.error);
  if (!outcome.result) return document;
  document["unchanged"] = outcome.result->unchanged;
  document["stages"] = outcome.result->made;
  document["rootfs"] = outcome.result->built.rootfs;
  document["bytes"] = outcome.result->built.bytes;
  return document;
}

std::string line_of(const image::BuildOutcome& outcome) {
  const auto& result = *outcome.result;
  if (result.unchanged) return fmt::format("{} is up to date\n", outcome.machine);
  return fmt::format("built {} ({}; made: {})\n", outcome.machine, result.built.rootfs, join(result.made, ", "));
}

int report(Context& context, const std::vector<image::BuildOutcome>& outcomes) {
  int code = exit_done;
  Json documents = Json::array();
  for (const auto& outcome : outcomes) {
    if (outcome.error) {
      context.print_error(*outcome.error);
      code = std::max(code, static_cast<int>(outcome.error->exit_code()));
    } else if (context.options.format == Format::table) {
      context.out().write(line_of(outcome));
    }
    documents.push_back(document_of(outcome));
  }
  if (context.options.format != Format::table) context.out().print(documents, context.options.format);
  return code;
}

std::vector<image::BuildOutcome> use(Context& context, const Options& options, const constellation::Place& place,
                                     const constellation::Manifest& manifest) {
  std::vector<image::UseRequest> requests;
  for (const auto* machine : chosen(manifest, options, context.reporter())) {
    requests.push_back(
        constellation::use_request(manifest, *machine, place.directory, context.home().data_dir.parent_path()));
    if (!options.size.empty()) requests.back().bytes = parse_mebibytes(options.size, "--size") << 20;
  }
  return image::use_all(requests, options.use, options.build, context.reporter());
}

// Where that was left to us.
void say_for_what(Context& context, const constellation::Machine& machine) {
  if (machine.driver != "auto") return;
  const auto driver = constellation::driver_of(machine);
  context.detail(fmt::format("the image of {} is for {}: {}", machine.name, driver.name, driver.why));
}

int build(Context& context, Options& options) {
  const auto place = constellation::find_constellation(options.constellation);
  const auto manifest = constellation::load_manifest(place, context.reporter());
  check_name(manifest.constellation, "constellation name");
  options.build.home = context.home();
  options.build.lock_file = place.directory / "meros.lock";
  options.build.all_machines = options.machines.empty();
  if (!options.keyring.empty()) options.build.keyring = std::filesystem::absolute(options.keyring);
  if (!options.use.empty()) return report(context, use(context, options, place, manifest));
  if (!options.size.empty())
    throw UsageError("--size is for an image that --use names", "a disk's size is in the manifest");
  std::vector<image::RootfsSpec> specs;
  for (const auto* machine : chosen(manifest, options, context.reporter())) {
    say_for_what(context, *machine);
    specs.push_back(
        constellation::build_spec(manifest, *machine, place.directory, context.home().data_dir.parent_path()));
  }
  return report(context, image::build_all(specs, options.build, context.reporter()));
}

}  // namespace

Action declare_build(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("CONSTELLATION", options->constellation,
                 "a name in ./constellations, or the path of its directory or manifest (default: the directory we are "
                 "in)");
  app.add_option("VM", options->machines, "only these of its machines (default: all)");
  app.add_flag("--rootfs-only,--rootfs-img", options->rootfs_only, "build root file systems: the default");
  auto* brought =
      app.add_option("--use", options->use, "make the images of this one, a qcow2 or raw image, which is not changed")
          ->option_text("IMAGE")
          ->check(CLI::ExistingFile);
  app.add_option("--size", options->size, "with --use: the disk's size, where it is to be larger")->option_text("SIZE");
  app.add_flag("--no-cache", options->build.no_cache, "make every stage anew, from the packages of meros.lock");
  auto* pull = app.add_flag("--pull", options->build.pull, "take the newest packages of the mirrors, and lock those")
                   ->excludes(brought);
  app.add_flag("--locked", options->build.locked, "fail where meros.lock does not say which packages to take")
      ->excludes(pull)
      ->excludes(brought);
  app.add_option("--mirror", options->build.mirror, "the archive that packages come from, in place of the manifest's")
      ->option_text("URL");
  app.add_option("--keyring", options->keyring, "the keys that the archive is signed by")->option_text("FILE");
  app.add_option("-j,--jobs", options->build.jobs, "machines that are built at once (default: one a processor)")
      ->option_text("N")
      ->check(CLI::Range(1U, 64U));
  app.footer("What has not changed since the last build is not built again. Root is not needed.");
  return [&context, options] { return build(context, *options); };
}

}  // namespace meros::cli
