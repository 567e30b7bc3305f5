// The API socket of a Firecracker that is being started: waits until it is there and somebody listens.
#pragma once

#include "base/child.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "vmm/driver.h"

namespace meros::vmm::firecracker {

class SocketWatch {
 public:
  // Begins to watch the directory, and removes a socket that a former Firecracker left there: where one exists, the
  // next refuses to start. To be made before the process is started.
  explicit SocketWatch(Fd directory);

  // A connection to `process`, and to no other: the directory belongs to the user that runs guests. Throws Disconnected
  // when the process has ended, TimeoutError, and what `still_wanted` throws, which is called at least every 50 ms (it
  // may be empty).
  Fd connect(const Child& process, Deadline deadline, const StillWanted& still_wanted) const;

 private:
  void wait(const Child& process, Deadline deadline, bool exists) const;
  Fd directory_;
  Fd inotify_;
};

}  // namespace meros::vmm::firecracker
