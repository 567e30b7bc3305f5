#include <fmt/format.h>

#include <CLI/App.hpp>
#include <filesystem>

#include "base/deadline.h"
#include "cli/command.h"
#include "cli/state_text.h"
#include "cli/targets.h"
#include "constellation/readiness.h"
#include "guest/directory_watch.h"
#include "machine/state.h"

namespace meros::cli {
namespace {

// Changes that no descriptor tells of are seen this late.
constexpr auto look_again = std::chrono::milliseconds(250);

struct Goal {
  enum class Kind { running, stopped, ready, text };
  Kind kind;
  std::string text;  // that the console is to say
};

struct Options {
  Targets targets;
  std::string goal;
  std::optional<std::chrono::milliseconds> timeout;
};

Goal parse_goal(const std::string& text) {
  constexpr std::string_view says = "text:";
  if (text == "running") return {Goal::Kind::running, {}};
  if (text == "stopped") return {Goal::Kind::stopped, {}};
  if (text == "ready") return {Goal::Kind::ready, {}};
  if (text.starts_with(says) && text.size() > says.size()) return {Goal::Kind::text, text.substr(says.size())};
  throw UsageError(fmt::format("--for: '{}' is not something to wait for", printable(text)),
                   "it is running, stopped, ready, or text: and what the console is to say");
}

bool is_reached(machine::State state, const Goal& goal) {
  return goal.kind == Goal::Kind::running ? state == machine::State::running : !is_alive(state);
}

// As its manifest means it.
constellation::Ready readiness_of(Context& context, const machine::MachineId& id, const Goal& goal) {
  constellation::Ready ready;
  if (goal.kind == Goal::Kind::text) {
    ready.by = constellation::Ready::By::console;
    ready.text = goal.text;
    return ready;
  }
  const auto said = constellation::ready_of(context.home(), id);
  if (!said)
    throw InvalidError(fmt::format("no manifest says when machine '{}' is ready", id.to_string()),
                       "wait for running, or for text: and what its console says");
  return *said;
}

void wait_for(Context& context, const machine::MachineId& id, const Goal& goal, Deadline deadline) {
  if (goal.kind == Goal::Kind::ready && !is_alive(machine::status_of(context.home(), id).state))
    throw Error(fmt::format("machine '{}' does not run", id.to_string()), "start it first");
  if (goal.kind == Goal::Kind::ready || goal.kind == Goal::Kind::text)
    return constellation::wait_until_ready(context.home(), id, readiness_of(context, id, goal), deadline);
  const auto volume = machine::volume_of(context.home(), id);
  guest::DirectoryWatch watch;
  watch.add(volume.string());
  for (;;) {
    if (!std::filesystem::exists(volume)) throw NotFoundError(fmt::format("machine '{}' was deleted", id.to_string()));
    const auto status = machine::status_of(context.home(), id);
    if (is_reached(status.state, goal)) return;
    if (deadline.passed())
      throw TimeoutError(fmt::format("machine '{}' is still {}", id.to_string(), to_string(status.state)));
    guest::wait_for_change(watch, volume, deadline.at_most(look_again));
  }
}

int wait_for_all(Context& context, const Options& options) {
  const Goal goal = parse_goal(options.goal);
  const auto deadline = options.timeout ? Deadline::after(*options.timeout) : Deadline::never();
  return for_each_target(context, options.targets, [&](const machine::MachineId& id) {
    wait_for(context, id, goal, deadline);
    return Outcome{fmt::format("{} is {}", id.to_string(), options.goal), {}};
  });
}

}  // namespace

Action declare_wait(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  add_targets(app, options->targets);
  app.add_option("--for", options->goal, "running, stopped, ready, or text:WORDS that the console is to say")
      ->option_text("STATE")
      ->required();
  app.add_option_function<std::string>(
         "--timeout", [options](const std::string& text) { options->timeout = parse_seconds(text, "--timeout"); },
         "how long to wait; after it the exit status is 124 (default: for ever)")
      ->option_text("SECONDS");
  return [options, &context] {
    // One after the other takes no longer than all at once.
    options->targets.jobs = 1;
    return wait_for_all(context, *options);
  };
}

}  // namespace meros::cli
