#include "image/kernel_build.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/format.h"

namespace meros::cli {
namespace {

struct Options {
  std::string arch;
  image::KernelBuildOptions build;
};

Json document_of(const image::KernelBuildResult& result, std::chrono::milliseconds took) {
  Json document = to_json(result.facts);
  document["unchanged"] = result.unchanged;
  document["kernel"] = result.kernel.string();
  document["vmlinux"] = result.vmlinux ? Json(result.vmlinux->string()) : Json();
  document["config_file"] = result.config.string();
  document["took_ms"] = took.count();
  return document;
}

std::string line_of(const image::KernelBuildResult& result, std::chrono::milliseconds took) {
  const std::string name = result.kernel.filename();
  if (result.unchanged) return fmt::format("{} is up to date ({})\n", name, printable(result.facts.version));
  return fmt::format("built {} ({}, {}) in {}\n", result.kernel.string(), printable(result.facts.version),
                     format_bytes(result.facts.bytes),
                     format_duration(std::chrono::duration_cast<std::chrono::seconds>(took)));
}

int kernel_build(Context& context, Options& options) {
  using clock = std::chrono::steady_clock;
  options.build.home = context.home();
  if (!options.arch.empty()) options.build.arch = vmm::parse_arch(options.arch);
  options.build.on_progress = [&](std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
    context.show_steps(what, done, total);
  };
  const auto began = clock::now();
  const auto result = image::build_kernel(options.build, context.reporter());
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began);
  if (context.options.format == Format::table)
    context.out().write(line_of(result, took));
  else
    context.out().print(document_of(result, took), context.options.format);
  return exit_done;
}

}  // namespace

Action declare_kernel_build(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  app.add_option("--source", options->build.source,
                 "a directory of sources, a tarball, or a git URL with a branch, tag or commit (default: the newest "
                 "commit of the main tree)")
      ->option_text("DIR|TARBALL|GIT-URL[#REF]");
  app.add_option(
         "--config", options->build.config,
         "micro: all that machines need built in, and little else (default); defconfig: that of the sources; or "
         "a file")
      ->option_text("micro|defconfig|FILE");
  app.add_option("--fragment", options->build.fragments, "options that go over the config; may be given again")
      ->option_text("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--arch", options->arch,
                 "x86_64 or aarch64 (default: the host's); another than the host's takes a cross compiler")
      ->option_text("ARCH");
  app.add_option("-j,--jobs", options->build.jobs, "compilers at once (default: one a processor)")
      ->option_text("N")
      ->check(CLI::Range(1U, 1024U));
  app.footer(
      "The kernel goes to data/disks/bzImage (Image for aarch64), with its vmlinux, .config and a JSON file beside "
      "it. What has not changed since the last build is not built again.");
  return [&context, options] { return kernel_build(context, *options); };
}

}  // namespace meros::cli
