// Where a kernel is made (kbuild's O=): kept, so that the next build makes only what has changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/fd.h"

namespace meros::image {

class KernelObjects {
 public:
  // Makes the directory where it is not there. Waits until no process of a killed build works in it, and removes what
  // such a build may have left half written. Nobody else may use it as long as we live: the caller sees to that.
  explicit KernelObjects(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  // For those who work in it (KernelStep::lock).
  const Fd& lock() const { return lock_; }
  // Files of finished steps.
  std::uint64_t steps_done() const;
  // From here to the next done() what is in it cannot be believed.
  void begin();
  void done();

 private:
  std::filesystem::path directory_;
  Fd lock_;
};

}  // namespace meros::image
