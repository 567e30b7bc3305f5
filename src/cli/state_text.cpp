#include "cli/state_text.h"

#include <chrono>

#include "base/text.h"
#include "cli/format.h"

namespace meros::cli {

using machine::State;

bool is_alive(State state) {
  return state == State::starting || state == State::running || state == State::paused || state == State::stopping;
}

Colour colour_of(State state) {
  switch (state) {
    case State::running:
      return Colour::green;
    case State::failed:
      return Colour::red;
    case State::starting:
    case State::paused:
    case State::stopping:
      return Colour::yellow;
    case State::created:
    case State::stopped:
      break;
  }
  return Colour::dim;
}

std::string uptime_of(const machine::Status& status) {
  if (!is_alive(status.state) || status.file.started_at_ms <= 0) return "-";
  const auto milliseconds = std::chrono::milliseconds(now_milliseconds() - status.file.started_at_ms);
  return format_duration(std::chrono::duration_cast<std::chrono::seconds>(milliseconds));
}

}  // namespace meros::cli
