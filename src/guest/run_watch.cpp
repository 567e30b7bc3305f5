#include "guest/run_watch.h"

#include "machine/state.h"

namespace meros::guest {

RunWatch::Life RunWatch::look() {
  const std::string lock = proc_path(volume_) + "/" + machine::names::run_lock;
  owner_ = pin_lock_owner(lock);
  if (owner_ || lock_owner(lock)) return Life::running;
  const auto state = machine::read_state(proc_path(volume_));
  return !state || state->state == machine::State::created ? Life::never_started : Life::over;
}

}  // namespace meros::guest
