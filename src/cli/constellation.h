// What the verbs on constellations have in common.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/context.h"
#include "constellation/apply.h"
#include "constellation/manifest.h"
#include "constellation/manifest_file.h"

namespace CLI {
class App;
}

namespace meros::cli {

struct ConstellationTarget {
  std::string constellation;          // as typed: a name, a path, "C/VM", or nothing
  std::vector<std::string> machines;  // none: all
};
// CONSTELLATION [VM…]; "C/VM" is taken apart.
void add_constellation(CLI::App& app, ConstellationTarget& target);
// The typed words, made one: "C/VM" becomes C and VM, where C/VM is not a path that is there.
ConstellationTarget taken_apart(const ConstellationTarget& target);

struct LoadedConstellation {
  constellation::Place place;
  constellation::Manifest manifest;  // its constellation has a valid name
};
LoadedConstellation load_constellation(Context& context, const std::string& target);

// The name of a constellation that is deployed, or at least described: it works without a manifest. NotFoundError.
std::string deployed_name(Context& context, const std::string& target);

// Prints each step as it is done, a line a step; collects them for one document with -o json.
class StepPrinter : public constellation::ApplyObserver {
 public:
  StepPrinter(Context& context, std::string constellation, const constellation::Wanted* wanted)
      : context_(context), constellation_(std::move(constellation)), wanted_(wanted) {}
  ~StepPrinter() override;

  void began(const constellation::Step& step) override;
  void done(const constellation::Step& step, std::chrono::milliseconds took) override;
  void failed(const constellation::Step& step, const Error& error) override;
  void skipped(const constellation::Step& step) override;

  // The document, where one was asked for. Nothing may be told any more.
  void finish();

 private:
  void say(const std::string& line);
  void remember(const constellation::Step& step, nlohmann::json members);
  bool shows_ready(const std::string& machine) const;

  Context& context_;
  std::string constellation_;
  const constellation::Wanted* wanted_;
  std::mutex mutex_;
  std::vector<nlohmann::json> documents_;
};

// Everything that `init`, `plan` and `build` look at before they do something.
struct Situation {
  LoadedConstellation loaded;
  constellation::Surroundings surroundings;
  constellation::Wanted wanted;
  constellation::Found found;
};
Situation look_at(Context& context, const std::string& target);

}  // namespace meros::cli
