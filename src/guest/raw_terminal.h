// A terminal in raw mode, put back at the end of its life however that comes.
#pragma once

#include <termios.h>

namespace meros::guest {

class RawTerminal {
 public:
  // `descriptor` is a terminal and outlives this. Throws SystemError.
  explicit RawTerminal(int descriptor);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

  void enter();
  // As it was found. What was typed and not yet read is dropped: it was meant for the guest, as are the terminal's
  // answers to the guest's questions. Never waits for output that a stopped terminal holds back.
  void leave() noexcept;

 private:
  int descriptor_;
  termios found_{};
};

}  // namespace meros::guest
