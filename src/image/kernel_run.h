// Runs what builds a kernel: code of whoever wrote the sources, with no more rights than the caller has without sudo.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/fd.h"

namespace meros::image {

struct KernelStep {
  std::vector<std::string> argv;
  std::vector<std::string> environment;                // all of it
  const Fd* log = nullptr;                             // gets everything that is printed
  const Fd* lock = nullptr;                            // inherited: held as long as a process of it lives
  std::function<void(std::string_view)> on_line = {};  // of what is printed; a carriage return ends a line, too
};

// To its end. It is alone in a PID namespace where the host lets us make one, and is killed with us; where not, its own
// children end when they have done what they are at. Under sudo it runs as the one who called.
ExitStatus run_kernel_step(const KernelStep& step);
// The same; Error "<program> ended with exit code 2" where it fails.
void require_kernel_step(const KernelStep& step);
// Its stdout; what it says on stderr goes into the log.
std::string output_of_kernel_step(const KernelStep& step);

}  // namespace meros::image
