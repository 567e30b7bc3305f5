// Whether the machine of a volume runs, and something to poll for its end.
#pragma once

#include <optional>

#include "base/fd.h"
#include "base/lock.h"

namespace meros::guest {

// How soon to look again where no descriptor tells the end of a machine, for its supervisor is in a PID namespace that
// we do not see.
constexpr int look_again_ms = 250;

class RunWatch {
 public:
  enum class Life { never_started, running, over };

  // `volume` stays open as long as this.
  explicit RunWatch(const Fd& volume) : volume_(volume) {}

  Life look();
  // Of the last look(): readable when the supervisor that was seen ended; -1 where none was, or none that tells its
  // end.
  int descriptor() const { return owner_ ? owner_->pidfd.get() : -1; }

 private:
  const Fd& volume_;
  std::optional<LockOwner> owner_;
};

}  // namespace meros::guest
