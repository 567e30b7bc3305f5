#include "cli/constellation.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/format.h"
#include "constellation/found.h"
#include "constellation/record.h"
#include "machine/default_network.h"

namespace meros::cli {
namespace {

using constellation::Ready;
using constellation::Step;
using Kind = Step::Kind;

std::string changes_text(const Step& step) {
  std::vector<std::string> fields;
  for (const auto& change : step.changes) fields.push_back(change.field);
  return join(fields, ", ");
}

std::string done_text(const Step& step, const std::string& took) {
  switch (step.kind) {
    case Kind::build:
      return fmt::format("built the image of {} in {}", step.machine, took);
    case Kind::network:
      return "";
    case Kind::create:
      return "created " + step.machine;
    case Kind::reconfigure:
      return fmt::format("changed {} ({})", step.machine, changes_text(step));
    case Kind::record:
      return fmt::format("took note of {} ({})", step.machine, changes_text(step));
    case Kind::stop:
      return "stopped " + step.machine;
    case Kind::remove:
      return "deleted " + step.machine;
    case Kind::start:
      return fmt::format("started {} in {}", step.machine, took);
    case Kind::ready:
      return fmt::format("{} is ready after {}", step.machine, took);
  }
  return "";
}

std::string doing_text(const Step& step) {
  switch (step.kind) {
    case Kind::build:
      return "building the image of " + step.machine;
    case Kind::stop:
      return "stopping " + step.machine;
    default:
      return "";
  }
}

}  // namespace

void add_constellation(CLI::App& app, ConstellationTarget& target) {
  app.add_option(
      "CONSTELLATION", target.constellation,
      "a name in ./constellations, or the path of its directory or manifest (default: the directory we are in)");
  app.add_option("VM", target.machines, "machines of it (default: all)");
}

ConstellationTarget taken_apart(const ConstellationTarget& target) {
  const auto slash = target.constellation.find('/');
  if (slash == std::string::npos || target.constellation.find('/', slash + 1) != std::string::npos) return target;
  if (std::filesystem::exists(target.constellation)) return target;
  ConstellationTarget apart = target;
  apart.constellation = target.constellation.substr(0, slash);
  apart.machines.insert(apart.machines.begin(), target.constellation.substr(slash + 1));
  return apart;
}

LoadedConstellation load_constellation(Context& context, const std::string& target) {
  LoadedConstellation loaded;
  loaded.place = constellation::find_constellation(target);
  loaded.manifest = constellation::load_manifest(loaded.place, context.reporter());
  if (loaded.manifest.constellation.empty()) loaded.manifest.constellation = loaded.place.name;
  check_name(loaded.manifest.constellation, "constellation name");
  if (loaded.manifest.constellation == machine::default_network_name)
    throw InvalidError("a constellation cannot be called 'default': that is the network of what 'meros create' makes",
                       "rename its directory");
  return loaded;
}

std::string deployed_name(Context& context, const std::string& target) {
  const auto& home = context.home();
  if (is_valid_name(target)) {
    const bool known = constellation::read_record(home, target).has_value() ||
                       std::filesystem::exists(home.network_dir(target)) ||
                       !constellation::find(home, target).machines.empty();
    if (known) return target;
  }
  const auto place = constellation::find_constellation(target);
  for (const auto& name : constellation::recorded_constellations(home)) {
    const auto record = constellation::read_record(home, name);
    if (record && record->manifest == std::filesystem::absolute(place.manifest).lexically_normal()) return name;
  }
  return place.name;
}

Situation look_at(Context& context, const std::string& target) {
  Situation situation;
  situation.loaded = load_constellation(context, target);
  situation.surroundings = constellation::look_around(context.home(), situation.loaded.manifest);
  situation.wanted = constellation::want(situation.loaded.manifest, situation.surroundings);
  situation.found = constellation::find(context.home(), situation.wanted.constellation);
  return situation;
}

StepPrinter::~StepPrinter() = default;

void StepPrinter::say(const std::string& line) {
  if (!line.empty() && context_.options.format == Format::table) context_.out().write(printable(line) + "\n");
}

bool StepPrinter::shows_ready(const std::string& machine) const {
  const auto* wanted = wanted_ != nullptr ? wanted_->find(machine) : nullptr;
  return wanted != nullptr && wanted->ready.by != Ready::By::none;
}

void StepPrinter::began(const Step& step) {
  if (const auto text = doing_text(step); !text.empty()) context_.detail(text);
}

void StepPrinter::done(const Step& step, std::chrono::milliseconds took) {
  const std::lock_guard guard(mutex_);
  if (step.kind == Kind::ready && !shows_ready(step.machine)) return;
  if (step.kind == Kind::network)
    say(wanted_ != nullptr ? fmt::format("network of {} is up", constellation_)
                           : fmt::format("network of {} is down", constellation_));
  else
    say(done_text(step, format_seconds(took)));
  remember(step, {{"ok", true}, {"took_ms", took.count()}});
}

void StepPrinter::failed(const Step& step, const Error& error) {
  const std::lock_guard guard(mutex_);
  Error named = error;
  if (!step.machine.empty() && error.message().find(step.machine) == std::string::npos)
    named.add_context(fmt::format("machine '{}'", step.machine));
  if (step.machine.empty()) named.add_context(fmt::format("network of '{}'", constellation_));
  context_.print_error(named);
  remember(step, {{"ok", false}, {"error", to_json(named)}});
}

void StepPrinter::skipped(const Step& step) {
  const std::lock_guard guard(mutex_);
  if (step.kind == Kind::start)
    context_.reporter().warn(fmt::format("'{}' was not started, for something before it failed", step.machine));
  if (step.kind == Kind::network) context_.reporter().warn("the network was left as it is");
  remember(step, {{"ok", false}, {"skipped", true}});
}

void StepPrinter::remember(const Step& step, Json members) {
  members["step"] = to_string(step.kind);
  members["machine"] = step.machine.empty() ? Json() : Json(step.machine);
  documents_.push_back(std::move(members));
}

void StepPrinter::finish() {
  if (context_.options.format == Format::table) return;
  context_.out().print({{"constellation", constellation_}, {"steps", documents_}}, context_.options.format);
}

}  // namespace meros::cli
