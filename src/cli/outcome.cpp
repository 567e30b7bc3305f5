#include "cli/outcome.h"

#include <fmt/format.h>

#include "base/json.h"
#include "cli/format.h"

namespace meros::cli {
namespace {

// "started web (qemu, tcg) in 0.04 s"
std::string start_line(std::string_view what, const std::string& name, const machine::StartResult& result) {
  return fmt::format("{} {} ({}, {}) in {}", what, name, result.driver, result.accel, format_seconds(result.took));
}

void add_start(Json& json, const machine::StartResult& result) {
  json["started"] = !result.already_running;
  json["driver"] = result.driver;
  json["accel"] = result.accel;
  if (!result.already_running) json["took_ms"] = result.took.count();
}

void add_stop(Json& json, const machine::StopResult& result) {
  json["stopped"] = !result.already_stopped;
  if (!result.already_stopped) json["how"] = result.how;
}

}  // namespace

Outcome outcome_of_start(const machine::MachineId& id, const machine::StartResult& result) {
  const std::string name = id.to_string();
  return {result.already_running ? name + " is already running" : start_line("started", name, result),
          [result](Json& json) { add_start(json, result); }};
}

Outcome outcome_of_stop(const machine::MachineId& id, const machine::StopResult& result) {
  const std::string name = id.to_string();
  return {result.already_stopped ? name + " is already stopped" : fmt::format("stopped {} ({})", name, result.how),
          [result](Json& json) { add_stop(json, result); }};
}

Outcome outcome_of_restart(const machine::MachineId& id, const machine::StopResult& stopped,
                           const machine::StartResult& started) {
  // Somebody else may have started it between our stop and our start.
  if (stopped.already_stopped || started.already_running) return outcome_of_start(id, started);
  return {start_line("restarted", id.to_string(), started), [stopped, started](Json& json) {
            add_stop(json, stopped);
            add_start(json, started);
          }};
}

}  // namespace meros::cli
