// Options that several verbs have.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "machine/lifecycle.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace meros::cli {

// What --help groups them under.
constexpr auto global_group = "Options of every verb";
void add_global_options(CLI::App& app, Context& context);

// "30", "0.5": seconds, not negative, at most a week. UsageError names the option.
std::chrono::milliseconds parse_seconds(std::string_view text, std::string_view option);
CLI::Option* add_seconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                         const std::string& description);

// What the verbs that change a machine have in common: fills everything but the reporter.
void add_verb_options(CLI::App& app, machine::VerbOptions& options, const std::string& verb);
void add_stop_options(CLI::App& app, machine::StopOptions& options);

// The programs that run machines, where others than those of the config are wanted.
struct Programs {
  std::optional<std::string> firecracker;
  std::optional<std::string> qemu;
};
// mergenc has its one among the options of every verb.
void add_program_options(CLI::App& app, Programs& programs, machine::Face face);
// The one for a machine, by the driver in its config; nothing where none was named for that driver.
std::optional<std::string> program_for(Context& context, const machine::MachineId& id, const Programs& programs);

// TARGET… | --all
struct Targets {
  std::vector<std::string> names;
  bool all = false;
  unsigned jobs = 8;  // how many at once
};
void add_targets(CLI::App& app, Targets& targets);
void add_jobs(CLI::App& app, Targets& targets);

}  // namespace meros::cli
