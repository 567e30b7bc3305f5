#include "guest/raw_terminal.h"

#include <cerrno>

#include "base/error.h"

namespace meros::guest {

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor) {
  if (::tcgetattr(descriptor_, &found_) != 0) throw_errno("cannot read the settings of the terminal");
  enter();
}

RawTerminal::~RawTerminal() { leave(); }

void RawTerminal::enter() {
  termios raw = found_;
  ::cfmakeraw(&raw);
  while (::tcsetattr(descriptor_, TCSANOW, &raw) != 0)
    if (errno != EINTR) throw_errno("cannot set the terminal to raw mode");
}

void RawTerminal::leave() noexcept {
  ::tcflush(descriptor_, TCIFLUSH);
  while (::tcsetattr(descriptor_, TCSANOW, &found_) != 0 && errno == EINTR) {
  }
}

}  // namespace meros::guest
