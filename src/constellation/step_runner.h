// Runs the steps of a plan or of a shutdown, each as soon as those before it are done, and tells of each.
#pragma once

#include <functional>
#include <vector>

#include "constellation/apply.h"

namespace meros::constellation {

// Does the step; false where there was nothing to do, which is then not told. What it throws is told, and is a failure.
// Called from several threads.
using Perform = std::function<bool(const Step& step)>;

// `jobs` at once, not counting those that only wait (ready).
ApplyResult run_steps(const std::vector<Step>& steps, unsigned jobs, const Perform& perform, ApplyObserver& observer);

}  // namespace meros::constellation
