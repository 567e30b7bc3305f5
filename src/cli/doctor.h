// `meros doctor`: all the checks, in the order in which they are shown.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/checks/check.h"

namespace meros::cli {

std::vector<Check> run_checks(const machine::Home& home);

// The main job: no required check is missing.
bool can_run_machines(const std::vector<Check>& checks);

// {"can_run_machines": bool, "summary": "…", "checks": [{"id", "title", "status", "detail", "remedy", "required"}]}
nlohmann::json to_json(const std::vector<Check>& checks);

// One line: what `auto` takes and why, or what keeps machines from running.
std::string summary_of(const std::vector<Check>& checks);

}  // namespace meros::cli
