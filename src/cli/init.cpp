#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <mutex>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/constellation.h"
#include "cli/options.h"
#include "constellation/build_specs.h"
#include "constellation/found.h"
#include "constellation/record.h"
#include "image/build.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

struct InitOptions {
  ConstellationTarget target;
  std::vector<std::string> recreate;
  constellation::ApplyOptions apply;
  bool no_wait = false;
  bool all_enabled = false;
};

// One name, two directories: the second would take the first one's machines away.
void require_same_manifest(const machine::Home& home, const std::string& name, const fs::path& manifest) {
  const auto record = constellation::read_record(home, name);
  if (!record || record->manifest == manifest || !fs::exists(record->manifest)) return;
  if (constellation::find(home, name).machines.empty()) return;
  throw BusyError(fmt::format("constellation '{}' is deployed from '{}'", name, record->manifest.string()),
                  fmt::format("give this one another name, or end that one with 'meros shutdown {} --volumes'", name));
}

void require_consent(Context& context, const constellation::Plan& plan) {
  if (!plan.is_disruptive() || context.options.yes) return;
  context.reporter().note("what is about to happen:");
  for (const auto& line : split(constellation::render(plan), '\n'))
    if (!line.empty()) context.reporter().note("  " + std::string(line));
  if (::isatty(STDIN_FILENO) == 0)
    throw BusyError("machines that run would be stopped, or deleted", "pass --yes to do so");
  if (!context.confirm("Go on?")) throw Error("nothing was done");
}

// What init does beside is printed in between: a build's stages are lines, and none that is drawn again.
class LineReporter : public Reporter {
 public:
  explicit LineReporter(Reporter& all) : all_(all) {}
  void note(std::string_view text) override { all_.note(text); }
  void warn(std::string_view text) override { all_.warn(text); }
  void progress(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) override {
    all_.progress(what, done, total);
  }

 private:
  Reporter& all_;
};

// The images that are missing, built together: machines share stages. Who asks for one first builds them all.
class MissingImages {
 public:
  MissingImages(Context& context, const Situation& now) : context_(context), now_(now) {}

  void build(const std::string& machine) {
    std::call_once(once_, [this] { build_all(); });
    for (const auto& outcome : outcomes_)
      if (outcome.machine == machine && outcome.error) throw *outcome.error;
  }

 private:
  void build_all() {
    std::vector<image::RootfsSpec> specs;
    for (const auto& machine : now_.loaded.manifest.machines)
      if (now_.wanted.find(machine.name)->must_be_built)
        specs.push_back(constellation::build_spec(now_.loaded.manifest, machine, now_.loaded.place.directory,
                                                  context_.home().data_dir.parent_path()));
    image::BuildOptions options;
    options.home = context_.home();
    options.lock_file = now_.loaded.place.directory / "meros.lock";
    LineReporter lines(context_.reporter());
    outcomes_ = image::build_all(specs, options, lines);
  }

  Context& context_;
  const Situation& now_;
  std::once_flag once_;
  std::vector<image::BuildOutcome> outcomes_;
};

// In the names that a person knows, for those who read only the last line.
void explain_failure(Context& context, const std::string& name, const constellation::ApplyResult& result) {
  if (result.failed == 0) return;
  if (result.undone)
    context.reporter().note("all of it was undone");
  else
    context.reporter().note(
        fmt::format("what works runs; 'meros init {0}' goes on from here, 'meros shutdown {0}' ends it", name));
}

int init_one(Context& context, const InitOptions& options, const ConstellationTarget& target) {
  LoadedConstellation first = load_constellation(context, target.constellation);
  const std::string name = first.manifest.constellation;
  const fs::path manifest = fs::absolute(first.place.manifest).lexically_normal();
  auto apply = options.apply;
  apply.verb.reporter = &context.reporter();
  apply.wait = !options.no_wait;
  const ProcessLock lock = constellation::lock_constellation(context.home(), name, apply.verb);
  require_same_manifest(context.home(), name, manifest);
  // Only now: another init may have been at work while we waited.
  const Situation now = look_at(context, target.constellation);
  constellation::PlanOptions wishes;
  wishes.only = {target.machines.begin(), target.machines.end()};
  wishes.recreate = {options.recreate.begin(), options.recreate.end()};
  const auto plan = constellation::make_plan(now.wanted, now.found, wishes);
  for (const auto& note : plan.notes) context.reporter().note(note);
  StepPrinter printer(context, name, &now.wanted);
  if (plan.nothing_to_do()) {
    context.reporter().note(fmt::format("'{}' is as its manifest says", name));
    printer.finish();
    return exit_done;
  }
  require_consent(context, plan);
  const auto former = constellation::read_record(context.home(), name);
  constellation::write_record(context.home(), name, {manifest, former && former->enabled});
  MissingImages images(context, now);
  apply.build = [&](const std::string& machine) { images.build(machine); };
  apply.look_again = [&](const std::string& machine) {
    const auto again =
        constellation::want(now.loaded.manifest, constellation::look_around(context.home(), now.loaded.manifest));
    return *again.find(machine);
  };
  const auto result = constellation::apply(context.home(), now.wanted, plan, apply, printer);
  printer.finish();
  explain_failure(context, name, result);
  if (result.undone && !former) constellation::forget_record(context.home(), name);
  return static_cast<int>(result.worst);
}

int init_all_enabled(Context& context, const InitOptions& options) {
  if (!options.target.constellation.empty()) throw UsageError("--all-enabled and a CONSTELLATION exclude each other");
  int worst = exit_done;
  for (const auto& name : constellation::recorded_constellations(context.home())) {
    try {
      const auto record = constellation::read_record(context.home(), name);
      if (!record || !record->enabled) continue;
      worst = std::max(worst, init_one(context, options, {record->manifest.string(), {}}));
    } catch (Error& e) {
      e.add_context(fmt::format("constellation '{}'", name));
      context.print_error(e);
      worst = std::max(worst, static_cast<int>(e.exit_code()));
    }
  }
  return worst;
}

}  // namespace

Action declare_init(CLI::App& app, Context& context) {
  auto options = std::make_shared<InitOptions>();
  add_constellation(app, options->target);
  app.add_flag("--no-wait", options->no_wait, "return when the machines run, ready or not");
  add_seconds(app, "--timeout", options->apply.timeout, "how long a machine may take to be ready (default: 300)");
  app.add_option("--recreate", options->recreate, "make this machine anew from its image, with new disks")
      ->option_text("VM")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--atomic", options->apply.atomic, "undo all of it when something fails");
  app.add_flag("--all-enabled", options->all_enabled, "each constellation that 'meros enable' named");
  app.add_option("-j,--jobs", options->apply.jobs, "how many machines at once (default: 8)")
      ->option_text("N")
      ->check(CLI::Range(1, 1000));
  add_verb_options(app, options->apply.verb, "init");
  return [options, &context] {
    if (options->all_enabled) return init_all_enabled(context, *options);
    return init_one(context, *options, taken_apart(options->target));
  };
}

}  // namespace meros::cli
