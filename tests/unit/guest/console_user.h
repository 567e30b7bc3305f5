// A user at a terminal, and the machine that they are attached to: attach_console runs in a child behind a
// pseudo-terminal, and the test plays the two ends.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/child.h"
#include "base/fd.h"
#include "base/file.h"
#include "guest/console_client.h"

namespace meros::test {

constexpr std::chrono::milliseconds patience{20'000};

// A console.sock as a supervisor serves it.
class FakeConsole {
 public:
  FakeConsole();
  const Fd& volume() const { return volume_; }
  Fd accept() const;

 private:
  TemporaryDirectory directory_;
  Fd volume_;
  Fd listener_;
};

// The exit status of the child tells how the attachment ended.
int code_of(guest::ConsoleEnd end);

class ConsoleUser {
 public:
  ConsoleUser(const FakeConsole& console, const guest::ConsoleOptions& options);
  ~ConsoleUser();
  ConsoleUser(const ConsoleUser&) = delete;
  ConsoleUser& operator=(const ConsoleUser&) = delete;

  const Fd& terminal() const { return terminal_; }
  pid_t pid() const { return pid_; }
  void hang_up() { terminal_.reset(); }  // closes the window
  void type(std::string_view keys) const { write_all(terminal_, keys); }
  bool is_raw() const;
  // Waits until the terminal is in raw mode; false after a while.
  bool becomes_raw() const;
  // The terminal's settings as they were before the client began.
  bool is_as_before() const;
  // Waits for the client's end; -1 where it does not end.
  int wait();

 private:
  Fd terminal_;
  termios before_{};
  pid_t pid_ = -1;
};

// Reads until `text` was seen; returns all that was read, whatever it is, after a while.
std::string read_until(const Fd& from, std::string_view text);
// Reads to the end of the stream.
std::string read_to_end(const Fd& from);

}  // namespace meros::test
