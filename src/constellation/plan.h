// What has to be done so that the host is as the manifest wants it: wanted - found -> steps. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "constellation/wanted.h"
#include "machine/state.h"
#include "network/spec.h"

namespace meros::constellation {

struct FoundMachine {
  machine::State state = machine::State::created;
  std::string origin;  // WantedMachine::fields of the run that made it; empty: unknown
};

// What is on the host now.
struct Found {
  std::map<std::string, FoundMachine, std::less<>> machines;
  std::optional<network::NetworkSpec> network;  // as it was recorded
  bool network_is_up = false;                   // its holder runs
};

struct FieldChange {
  enum class Effect {
    live,     // concerns the next start, or meros alone: written down
    restart,  // the machine must be stopped and started
    image,    // what is built: the running machine is not touched
  };
  std::string field;
  nlohmann::json before;  // null: it was not there
  nlohmann::json after;
  Effect effect;
};

struct Step {
  enum class Kind { build, network, create, reconfigure, record, stop, remove, start, ready };
  Kind kind;
  std::string machine;               // empty for the network
  std::vector<FieldChange> changes;  // reconfigure, record
  std::vector<std::size_t> after;    // steps that come first, by their index
  // A machine that runs is stopped, or one is deleted: nothing of this kind is done without asking.
  bool disruptive = false;
};
std::string_view to_string(Step::Kind kind);

struct Plan {
  std::vector<Step> steps;
  std::vector<std::string> notes;            // "the image of 'web' changed: …"
  std::vector<std::string> network_changes;  // "+ bridge lab", "~ bridge lab: policy host-access -> isolated" …
  bool nothing_to_do() const { return steps.empty(); }
  bool is_disruptive() const;
};

struct PlanOptions {
  std::set<std::string, std::less<>> only;      // these machines and what they depend on; empty: all
  std::set<std::string, std::less<>> recreate;  // their disks are made anew from their images
};

// InvalidError for a name in the options that is not a machine of the manifest.
Plan make_plan(const Wanted& wanted, const Found& found, const PlanOptions& options);

// As a diff, a line a thing: "+ web: create, start", "~ web: memory 512 -> 1024 (restart)", "- old: delete".
std::string render(const Plan& plan);
nlohmann::json to_json(const Plan& plan);

}  // namespace meros::constellation
