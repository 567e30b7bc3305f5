// Firecracker's API: HTTP/1.1 with JSON bodies over its unix socket.
#pragma once

#include <cstddef>
#include <string>

#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"
#include "vmm/driver.h"

namespace meros::vmm::firecracker {

constexpr std::size_t max_answer = std::size_t{1} << 20;  // of a body, in bytes

struct Answer {
  unsigned status = 0;
  std::string body;
};

// The peer closed the connection, as it does when the process ends.
class Disconnected : public Error {
 public:
  using Error::Error;
};

// One kept-alive connection.
class Api {
 public:
  // Of no use until one is assigned.
  Api() = default;
  explicit Api(Fd connected);

  // False at first, and after an exchange that threw: then the two ends may disagree about what comes next.
  bool usable() const { return static_cast<bool>(socket_); }

  // Sends the request and waits for its answer, whatever its status. `still_wanted` is called at least every 50 ms
  // (it may be empty). Throws TimeoutError after the deadline, Disconnected, Error for what is not HTTP or is larger
  // than max_answer, and whatever still_wanted throws.
  Answer exchange(const Plan::Request& request, Deadline deadline, const StillWanted& still_wanted);

 private:
  Fd socket_;
};

}  // namespace meros::vmm::firecracker
