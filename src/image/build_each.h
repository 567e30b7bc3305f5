// Several machines' images at once.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "image/build.h"

namespace meros::image {

// Calls `build` for 0 to count - 1, `jobs` at a time (0: one a processor). What one throws becomes its outcome's error,
// and does not stop the others. `name`: of the machine.
std::vector<BuildOutcome> build_each(std::size_t count, unsigned jobs,
                                     const std::function<std::string(std::size_t)>& name,
                                     const std::function<BuildResult(std::size_t)>& build);

}  // namespace meros::image
