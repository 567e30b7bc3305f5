// What is remembered of a constellation between its verbs: data/constellations/<name>.json.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/report.h"
#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::constellation {

struct Record {
  std::filesystem::path manifest;  // absolute
  bool enabled = false;            // brought up by `init --all-enabled`
};

std::optional<Record> read_record(const machine::Home& home, const std::string& constellation);
void write_record(const machine::Home& home, const std::string& constellation, const Record& record);
// Call it under lock_constellation(). No effect where there is none.
void forget_record(const machine::Home& home, const std::string& constellation);
// All that are remembered, in name order.
std::vector<std::string> recorded_constellations(const machine::Home& home);

// One verb at a time on a constellation; waits for another as the machines' verbs do, and says for whom.
ProcessLock lock_constellation(const machine::Home& home, const std::string& constellation,
                               const machine::VerbOptions& options);

}  // namespace meros::constellation
