// Signals as something to poll for: blocked while this lives, and read from a descriptor.
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "base/fd.h"

namespace meros::guest {

// For the calling thread, which must be the only one (other threads would still get the signals).
class SignalWatch {
 public:
  explicit SignalWatch(std::initializer_list<int> signals);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  const Fd& descriptor() const { return descriptor_; }
  // The next signal that came, or nothing.
  std::optional<int> take();

 private:
  sigset_t before_{};
  Fd descriptor_;
};

}  // namespace meros::guest
