// One turn of an event loop: what to wait for, and what to call.
#pragma once

#include <poll.h>

#include <functional>
#include <vector>

#include "base/deadline.h"

namespace meros {

class Watches {
 public:
  // `ready` gets poll's revents. It must stay callable until turn() has returned.
  void add(int fd, short events, std::function<void(short)> ready) {
    polled_.push_back({fd, events, 0});
    ready_.push_back(std::move(ready));
  }
  // Waits for the first of them or the deadline, then calls those that are ready. Throws SystemError.
  void turn(Deadline deadline);

 private:
  std::vector<pollfd> polled_;
  std::vector<std::function<void(short)>> ready_;
};

}  // namespace meros
