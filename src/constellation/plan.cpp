#include "constellation/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace meros::constellation {
namespace {

using Effect = FieldChange::Effect;
using Kind = Step::Kind;

struct KnownField {
  std::string_view name;
  Effect effect;
};
// What a change of each field means. One that is not here means a restart.
constexpr std::array known_fields = {
    KnownField{"distribution", Effect::image}, KnownField{"release", Effect::image},
    KnownField{"packages", Effect::image},     KnownField{"mirrors", Effect::image},
    KnownField{"keyring", Effect::image},      KnownField{"build_free_mb", Effect::image},
    KnownField{"depends_on", Effect::live},    KnownField{"ready", Effect::live},
};

Effect effect_of(std::string_view field) {
  const auto known = std::ranges::find(known_fields, field, &KnownField::name);
  return known == known_fields.end() ? Effect::restart : known->effect;
}

// One that is on its way is not: its verb may have been killed. `start` waits for what becomes of it.
bool is_up(machine::State state) { return state == machine::State::running || state == machine::State::paused; }

bool is_alive(machine::State state) {
  return is_up(state) || state == machine::State::starting || state == machine::State::stopping;
}

// The image is not among them: who has a disk keeps it.
std::vector<FieldChange> changes_between(const Json& before, const Json& after) {
  std::vector<FieldChange> changes;
  for (const auto& [field, value] : after.items()) {
    if (field == "image") continue;
    const auto former = before.find(field);
    const Json was = former == before.end() ? Json() : *former;
    if (was != value) changes.push_back({field, was, value, effect_of(field)});
  }
  return changes;
}

class Planner {
 public:
  Planner(const Wanted& wanted, const Found& found, const PlanOptions& options)
      : wanted_(wanted), found_(found), options_(options), chosen_(choose()) {}

  Plan run() && {
    remove_unwanted();
    for (const auto& machine : wanted_.machines)
      if (is_chosen(machine.name)) begin(machine);
    add_network();
    // Dependencies first: a step names those before it by their index.
    for (const auto& machine : wanted_.machines)
      if (is_chosen(machine.name)) finish(machine);
    return std::move(plan_);
  }

 private:
  struct Progress {
    bool start = false;                // it does not run, or will not
    std::vector<std::size_t> before;   // what its start waits for
    std::optional<std::size_t> ready;  // the step after which it is ready
    bool finished = false;
  };

  bool is_chosen(const std::string& name) const { return chosen_.empty() || chosen_.contains(name); }

  std::set<std::string, std::less<>> choose() const {
    for (const auto* names : {&options_.only, &options_.recreate})
      for (const auto& name : *names)
        if (wanted_.find(name) == nullptr) no_such_machine(name);
    std::set<std::string, std::less<>> chosen;
    std::vector<std::string> open(options_.only.begin(), options_.only.end());
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      if (!chosen.insert(name).second) continue;
      const auto& depends_on = wanted_.find(name)->depends_on;
      open.insert(open.end(), depends_on.begin(), depends_on.end());
    }
    return chosen;
  }

  [[noreturn]] void no_such_machine(const std::string& name) const {
    std::vector<std::string> known;
    for (const auto& machine : wanted_.machines) known.push_back(machine.name);
    const auto near = nearest(name, known);
    throw NotFoundError(fmt::format("constellation '{}' has no machine '{}'", wanted_.constellation, name),
                        near ? "did you mean '" + *near + "'?" : "it has: " + join(known, ", "));
  }

  std::size_t add(Kind kind, const std::string& machine, std::vector<std::size_t> after = {}) {
    Step step{kind, machine, {}, std::move(after), false};
    plan_.steps.push_back(std::move(step));
    return plan_.steps.size() - 1;
  }

  // Machines that the manifest has no more. Only when all of it is meant.
  void remove_unwanted() {
    if (!options_.only.empty()) return;
    for (const auto& [name, machine] : found_.machines) {
      if (wanted_.find(name) != nullptr) continue;
      const std::size_t step = add(Kind::remove, name);
      plan_.steps[step].disruptive = true;
      before_network_.push_back(step);
    }
  }

  // Everything up to where the network must be there.
  void begin(const WantedMachine& machine) {
    Progress& progress = progress_[machine.name];
    const auto known = found_.machines.find(machine.name);
    if (known == found_.machines.end() || options_.recreate.contains(machine.name)) return begin_anew(machine);
    const FoundMachine& now = known->second;
    note_new_image(machine, now);
    auto changes =
        changes_between(now.origin.empty() ? Json::object() : parse_json(now.origin, "origin"), machine.fields);
    const bool restart = std::ranges::any_of(changes, [](const auto& c) { return c.effect == Effect::restart; });
    progress.start = !is_up(now.state) || restart;
    if (changes.empty()) return;
    if (!restart) {
      const std::size_t step = add(Kind::record, machine.name);
      plan_.steps[step].changes = std::move(changes);
      return progress.before.push_back(step);
    }
    std::vector<std::size_t> after;
    if (is_alive(now.state)) {
      const std::size_t stop = add(Kind::stop, machine.name);
      plan_.steps[stop].disruptive = true;
      before_network_.push_back(stop);
      after.push_back(stop);
    }
    const std::size_t step = add(Kind::reconfigure, machine.name, std::move(after));
    plan_.steps[step].changes = std::move(changes);
    progress.before.push_back(step);
  }

  void begin_anew(const WantedMachine& machine) {
    Progress& progress = progress_[machine.name];
    progress.start = true;
    std::vector<std::size_t> after;
    if (found_.machines.contains(machine.name)) {
      const std::size_t step = add(Kind::remove, machine.name);
      plan_.steps[step].disruptive = true;
      after.push_back(step);
    }
    if (machine.must_be_built) after.push_back(add(Kind::build, machine.name));
    progress.before.push_back(add(Kind::create, machine.name, std::move(after)));
  }

  void note_new_image(const WantedMachine& machine, const FoundMachine& now) {
    if (now.origin.empty()) return;
    const auto former = get_or<std::string>(parse_json(now.origin, "origin"), "image", {});
    if (former == get_or<std::string>(machine.fields, "image", {}) || former.empty()) return;
    plan_.notes.push_back(
        fmt::format("the image of '{0}' changed; its disk stays as it is ('meros init {1} --recreate {0}' "
                    "makes it anew)",
                    machine.name, wanted_.constellation));
  }

  void add_network() {
    if (wanted_.network.bridges.empty() && !found_.network) return;
    if (found_.network && *found_.network == wanted_.network && found_.network_is_up) return;
    plan_.network_changes = network_changes();
    network_ = add(Kind::network, "", before_network_);
  }

  std::vector<std::string> network_changes() const {
    std::vector<std::string> changes;
    const auto before = found_.network.value_or(network::NetworkSpec{});
    for (const auto& bridge : wanted_.network.bridges) {
      const auto* former = before.find_bridge(bridge.name);
      if (former == nullptr)
        changes.push_back("+ bridge " + bridge.name);
      else if (!(*former == bridge))
        changes.push_back("~ bridge " + bridge.name + bridge_changes(*former, bridge));
    }
    for (const auto& bridge : before.bridges)
      if (wanted_.network.find_bridge(bridge.name) == nullptr) changes.push_back("- bridge " + bridge.name);
    if (found_.network && before.uplink != wanted_.network.uplink)
      changes.push_back(fmt::format("~ uplink {} -> {}", to_string(before.uplink), to_string(wanted_.network.uplink)));
    if (changes.empty()) changes.emplace_back(found_.network_is_up ? "~ network interfaces" : "+ network");
    return changes;
  }

  static std::string bridge_changes(const network::BridgeSpec& before, const network::BridgeSpec& after) {
    network::NetworkSpec one;
    one.bridges = {before};
    network::NetworkSpec other;
    other.bridges = {after};
    const Json was = network::to_json(one).at("bridges").at(0);
    const Json is = network::to_json(other).at("bridges").at(0);
    std::vector<std::string> words;
    for (const auto& [field, value] : is.items())
      if (was.at(field) != value)
        words.push_back(fmt::format("{} {} -> {}", field, was.at(field).dump(), value.dump()));
    return ": " + join(words, ", ");
  }

  void finish(const WantedMachine& machine) {
    Progress& progress = progress_[machine.name];
    if (progress.finished) return;
    progress.finished = true;  // the manifest has no cycles
    for (const auto& name : machine.depends_on) finish(*wanted_.find(name));
    if (!progress.start) return;
    std::vector<std::size_t> after = progress.before;
    if (network_) after.push_back(*network_);
    for (const auto& name : machine.depends_on)
      if (const auto ready = ready_step(*wanted_.find(name))) after.push_back(*ready);
    const std::size_t start = add(Kind::start, machine.name, std::move(after));
    progress.ready = add(Kind::ready, machine.name, {start});
  }

  // One that runs may still be booting: it is asked, too, before another relies on it.
  std::optional<std::size_t> ready_step(const WantedMachine& machine) {
    Progress& progress = progress_[machine.name];
    if (!progress.ready && machine.ready.by != Ready::By::none) {
      std::vector<std::size_t> after = progress.before;
      if (network_) after.push_back(*network_);
      progress.ready = add(Kind::ready, machine.name, std::move(after));
    }
    return progress.ready;
  }

  const Wanted& wanted_;
  const Found& found_;
  const PlanOptions& options_;
  std::set<std::string, std::less<>> chosen_;
  Plan plan_;
  std::map<std::string, Progress> progress_;
  std::vector<std::size_t> before_network_;
  std::optional<std::size_t> network_;
};

std::string value_text(const Json& value) {
  if (value.is_null()) return "(unset)";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string change_text(const FieldChange& change) {
  std::string text = fmt::format("{} {} -> {}", change.field, value_text(change.before), value_text(change.after));
  if (change.effect == Effect::image) text += " (build it anew for that)";
  return text;
}

std::string_view effect_text(Effect effect) {
  if (effect == Effect::restart) return "restart";
  return effect == Effect::image ? "image" : "live";
}

struct Line {
  char sign = ' ';
  std::vector<std::string> words;
};

void describe(const Step& step, Line& line) {
  switch (step.kind) {
    case Kind::create:
      line.sign = line.sign == '-' ? '~' : '+';
      break;
    case Kind::remove:
      line.sign = '-';
      break;
    case Kind::start:
      if (line.sign == ' ') line.sign = '+';
      break;
    case Kind::reconfigure:
    case Kind::record:
    case Kind::stop:
      line.sign = '~';
      break;
    default:
      break;
  }
  if (step.kind == Kind::ready) return;
  if (step.changes.empty()) line.words.emplace_back(to_string(step.kind));
  for (const auto& change : step.changes) line.words.push_back(change_text(change));
}

}  // namespace

std::string_view to_string(Step::Kind kind) {
  switch (kind) {
    case Kind::build:
      return "build";
    case Kind::network:
      return "network";
    case Kind::create:
      return "create";
    case Kind::reconfigure:
      return "reconfigure";
    case Kind::record:
      return "record";
    case Kind::stop:
      return "stop";
    case Kind::remove:
      return "delete";
    case Kind::start:
      return "start";
    case Kind::ready:
      return "ready";
  }
  return "";
}

bool Plan::is_disruptive() const { return std::ranges::any_of(steps, &Step::disruptive); }

Plan make_plan(const Wanted& wanted, const Found& found, const PlanOptions& options) {
  return Planner(wanted, found, options).run();
}

std::string render(const Plan& plan) {
  std::string text;
  for (const auto& change : plan.network_changes) text += change + "\n";
  std::vector<std::string> order;
  std::map<std::string, Line> lines;
  for (const auto& step : plan.steps) {
    if (step.kind == Kind::network) continue;
    if (!lines.contains(step.machine)) order.push_back(step.machine);
    describe(step, lines[step.machine]);
  }
  for (const auto& name : order)
    if (const Line& line = lines[name]; !line.words.empty())
      text += fmt::format("{} {}: {}\n", line.sign, name, join(line.words, ", "));
  for (const auto& note : plan.notes) text += "  " + note + "\n";
  return text;
}

nlohmann::json to_json(const Plan& plan) {
  Json steps = Json::array();
  for (const auto& step : plan.steps) {
    Json changes = Json::array();
    for (const auto& change : step.changes)
      changes.push_back({{"field", change.field},
                         {"before", change.before},
                         {"after", change.after},
                         {"effect", effect_text(change.effect)}});
    steps.push_back({{"step", to_string(step.kind)},
                     {"machine", step.machine.empty() ? Json() : Json(step.machine)},
                     {"changes", std::move(changes)},
                     {"after", step.after},
                     {"disruptive", step.disruptive}});
  }
  return {{"steps", std::move(steps)}, {"network", plan.network_changes}, {"notes", plan.notes}};
}

}  // namespace meros::constellation
