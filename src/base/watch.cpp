#include "base/watch.h"

#include <cerrno>

#include "base/error.h"

namespace meros {

void Watches::turn(Deadline deadline) {
  const int n = ::poll(polled_.data(), polled_.size(), deadline.poll_timeout());
  if (n < 0 && errno != EINTR) throw_errno("cannot poll");
  if (n <= 0) return;
  for (std::size_t i = 0; i < polled_.size(); ++i)
    if (polled_[i].revents != 0) ready_[i](polled_[i].revents);
}

}  // namespace meros
