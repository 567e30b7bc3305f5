// The events of many machines as one stream, in the order of their times.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "guest/directory_watch.h"
#include "guest/log_reader.h"
#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::cli {

struct MachineEvent {
  machine::MachineId id;
  machine::Event event;
};

class EventFeed {
 public:
  // Events before `since_ms` are passed over. `home` outlives it.
  EventFeed(const machine::Home& home, std::int64_t since_ms) : home_(home), since_ms_(since_ms) {}

  // One more machine, with its past; again is no matter. One that is gone meanwhile is passed over.
  void add(const machine::MachineId& id);
  // What happened since the last call. Machines that were deleted are forgotten after their last event.
  std::vector<MachineEvent> take();
  // Until something happens or the time is over. False when `output`'s reader went away.
  bool wait(int timeout_ms, int output);

 private:
  struct Source {
    explicit Source(Fd directory);
    Fd volume;
    guest::LogReader log;
    std::string unfinished;  // a line that is not whole yet
  };
  void take_from(Source& source, const machine::MachineId& id, std::vector<MachineEvent>& events) const;

  const machine::Home& home_;
  std::int64_t since_ms_;
  guest::DirectoryWatch watch_;
  std::map<machine::MachineId, std::unique_ptr<Source>> sources_;
};

}  // namespace meros::cli
