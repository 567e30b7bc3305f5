#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace meros::cli {

void add_global_options(CLI::App& app, Context& context) {
  auto& options = context.options;
  app.add_option_function<std::string>(
         "-o,--output", [&options](const std::string& text) { options.format = parse_format(text); },
         "how to print data: table, json or yaml")
      ->option_text("FORMAT")
      ->group(global_group);
  if (context.face() == machine::Face::meros) {
    app.add_option("--data-dir", options.data_dir, "where machines live (default: $MEROS_DATA_DIR, else ./data)")
        ->option_text("DIR")
        ->group(global_group);
  } else {
    app.add_option("--images-dir", options.images_dir,
                   "where the template kernel and root file system are (default: images)")
        ->option_text("DIR")
        ->group(global_group);
    app.add_option("--volumes-dir", options.volumes_dir, "where machines live (default: volumes)")
        ->option_text("DIR")
        ->group(global_group);
    app.add_option("--firecracker-bin", options.firecracker,
                   "the program firecracker (default: found in PATH by create, then that of the config)")
        ->option_text("PROGRAM")
        ->group(global_group);
  }
  app.add_flag("-y,--yes", options.yes, "answer every question with yes")->group(global_group);
  app.add_flag("-v,--verbose", options.verbose, "tell more of what is done")->group(global_group);
  app.add_flag("--debug", options.debug, "as -v, with the time before each line")->group(global_group);
}

std::chrono::milliseconds parse_seconds(std::string_view text, std::string_view option) {
  constexpr double most = 7 * 24 * 3600;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && !text.empty();
  if (!whole || !std::isfinite(seconds) || std::signbit(seconds) || seconds > most)
    throw UsageError(fmt::format("{}: '{}' is not a number of seconds", option, printable(text)),
                     "write it as 30 or 0.5; a week is the most");
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

CLI::Option* add_seconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                         const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&value, name](const std::string& text) { value = parse_seconds(text, name); }, description)
      ->option_text("SECONDS");
}

void add_verb_options(CLI::App& app, machine::VerbOptions& options, const std::string& verb) {
  options.verb = verb;
  add_seconds(app, "--lock-timeout", options.lock_timeout,
              "how long to wait for another verb on the same machine (default: 60)");
}

void add_stop_options(CLI::App& app, machine::StopOptions& options) {
  add_seconds(app, "--timeout", options.timeout, "how long the guest may take before it is terminated (default: 30)");
  app.add_flag("--force", options.force, "kill at once, without asking the guest");
}

void add_program_options(CLI::App& app, Programs& programs, machine::Face face) {
  if (face == machine::Face::mergenc) return;
  app.add_option("--firecracker-bin", programs.firecracker, "the program firecracker (default: that of the config)")
      ->option_text("PROGRAM");
  app.add_option("--qemu-bin", programs.qemu, "the program qemu-system-… (default: that of the config)")
      ->option_text("PROGRAM");
}

std::optional<std::string> program_for(Context& context, const machine::MachineId& id, const Programs& programs) {
  const auto& firecracker = programs.firecracker ? programs.firecracker : context.options.firecracker;
  if (!firecracker && !programs.qemu) return std::nullopt;
  const auto config = machine::read_config(machine::volume_of(context.home(), id));
  return config.driver == "qemu" ? programs.qemu : firecracker;
}

void add_targets(CLI::App& app, Targets& targets) {
  app.add_option("TARGET", targets.names, "machines: VM, CONSTELLATION/VM, or CONSTELLATION for all of its machines");
  app.add_flag("--all", targets.all, "all machines");
}

void add_jobs(CLI::App& app, Targets& targets) {
  app.add_option_function<std::string>(
         "-j,--jobs",
         [&targets](const std::string& text) {
           const auto jobs = parse_unsigned(text);
           if (!jobs || *jobs == 0 || *jobs > 256)
             throw UsageError(fmt::format("--jobs: '{}' is not a number from 1 to 256", printable(text)));
           targets.jobs = static_cast<unsigned>(*jobs);
         },
         "how many machines at once (default: 8)")
      ->option_text("N");
}

}  // namespace meros::cli
