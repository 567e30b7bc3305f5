#include "guest/signal_watch.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"

namespace meros::guest {

SignalWatch::SignalWatch(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  descriptor_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor_) throw_errno("cannot watch for signals");
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, &before_); error != 0)
    throw SystemError("cannot block signals", error);
}

SignalWatch::~SignalWatch() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::optional<int> SignalWatch::take() {
  signalfd_siginfo info{};
  if (::read(descriptor_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace meros::guest
