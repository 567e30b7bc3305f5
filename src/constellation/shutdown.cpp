#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "constellation/apply.h"
#include "constellation/found.h"
#include "constellation/step_runner.h"
#include "guest/shared_connection.h"
#include "network/holder.h"

namespace meros::constellation {
namespace {

using Kind = Step::Kind;

std::vector<std::string> dependencies_of(const FoundMachine& machine) {
  if (machine.origin.empty()) return {};
  return get_or<std::vector<std::string>>(parse_json(machine.origin, "origin"), "depends_on", {});
}

// Who depends on it goes first. A circle is not possible in a manifest, but two manifests may have been at work.
class Order {
 public:
  explicit Order(const Found& found) {
    for (const auto& [name, machine] : found.machines) depends_on_[name] = dependencies_of(machine);
  }

  // Those that must have ended before `name` is stopped.
  std::vector<std::string> before(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& [other, depends_on] : depends_on_)
      if (std::ranges::find(depends_on, name) != depends_on.end() && !reaches(name, other)) names.push_back(other);
    return names;
  }

 private:
  bool reaches(const std::string& from, const std::string& to) const {
    std::set<std::string> seen;
    std::vector<std::string> open = {from};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      if (name == to) return true;
      if (!seen.insert(name).second) continue;
      if (const auto known = depends_on_.find(name); known != depends_on_.end())
        open.insert(open.end(), known->second.begin(), known->second.end());
    }
    return false;
  }

  std::map<std::string, std::vector<std::string>> depends_on_;
};

class Shutdown {
 public:
  Shutdown(const machine::Home& home, const std::string& constellation, const ShutdownOptions& options,
           ApplyObserver& observer)
      : home_(home), constellation_(constellation), options_(options), observer_(observer) {}

  ApplyResult run() {
    const Found found = find(home_, constellation_);
    for (const auto& name : options_.only)
      if (!found.machines.contains(name))
        throw NotFoundError(fmt::format("no such machine '{}/{}'", constellation_, name));
    make_steps(found);
    return run_steps(
        steps_, options_.jobs, [this](const Step& step) { return perform(step); }, observer_);
  }

 private:
  void make_steps(const Found& found) {
    const Order order(found);
    std::map<std::string, std::size_t> index;
    for (const auto& [name, machine] : found.machines) {
      if (!options_.only.empty() && !options_.only.contains(name)) continue;
      index[name] = steps_.size();
      steps_.push_back({options_.volumes ? Kind::remove : Kind::stop, name, {}, {}, true});
    }
    std::vector<std::size_t> all;
    for (const auto& [name, step] : index) {
      all.push_back(step);
      for (const auto& earlier : order.before(name))
        if (const auto known = index.find(earlier); known != index.end()) steps_[step].after.push_back(known->second);
    }
    if (options_.only.empty()) steps_.push_back({Kind::network, "", {}, std::move(all), false});
  }

  // False where there was nothing to do.
  bool perform(const Step& step) {
    const machine::MachineId id{constellation_, step.machine};
    if (step.kind == Kind::network) return remove_network();
    guest::end_shared_connections(home_, id);
    try {
      if (step.kind == Kind::stop) return !machine::stop(home_, id, options_.stop, options_.verb).already_stopped;
      machine::remove(home_, id, options_.stop, options_.verb);
      return true;
    } catch (const NotFoundError&) {
      return false;  // another verb was quicker
    }
  }

  bool remove_network() {
    const auto directory = home_.network_dir(constellation_);
    if (!std::filesystem::exists(directory)) return false;
    network::remove_network({directory, home_.supervisor, {}}, *options_.verb.reporter);
    return true;
  }

  const machine::Home& home_;
  const std::string& constellation_;
  const ShutdownOptions& options_;
  ApplyObserver& observer_;
  std::vector<Step> steps_;
};

}  // namespace

ApplyResult shut_down(const machine::Home& home, const std::string& constellation, const ShutdownOptions& options,
                      ApplyObserver& observer) {
  return Shutdown(home, constellation, options, observer).run();
}

}  // namespace meros::constellation
