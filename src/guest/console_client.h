// The user's side of a serial console: bytes both ways, untouched, until one of the two has had enough.
//
// A serial line has no way to tell the size of a window; the guest's questions to the terminal (ESC [6n …) and its
// answers pass through, so that `resize` in the guest finds out.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/fd.h"

namespace meros::guest {

// Descriptors that stay the caller's. `input` may be a terminal: it is then raw while attached.
struct ConsoleStreams {
  int input;
  int output;
  int messages;  // "attached to 'web', Ctrl-] detaches": for people, where input is a terminal
};

struct ConsoleOptions {
  std::string machine;                // for messages
  std::optional<char> escape = 0x1d;  // Ctrl-]: detaches when typed on a terminal
  // How long to go on reading after the end of the input (a file or pipe); nothing: until the machine ends.
  std::optional<std::chrono::milliseconds> linger;
};

struct ConsoleEnd {
  enum class Kind {
    detached,       // the escape key
    machine_ended,  // the console was closed at the other end
    output_closed,  // nobody reads our output any more
    input_over,     // the input ended, and the time after it
    signalled,      // SIGINT, SIGTERM, SIGHUP or SIGQUIT came: `signal`; the caller gives it its usual effect
  };
  Kind kind;
  int signal = 0;
};

// Attaches to a connected console and stays until it ends. Memory is bounded: a slow side holds the other one up, but
// for typing into a guest that does not read, which is dropped so that the escape key always works.
// Throws SystemError; the terminal is restored then too.
ConsoleEnd attach_console(Fd console, const ConsoleStreams& streams, const ConsoleOptions& options);

// "^]", "^A" … or one character; "none" gives nothing. UsageError for anything else.
std::optional<char> parse_escape(const std::string& text);
// "Ctrl-]"
std::string escape_name(char escape);

}  // namespace meros::guest
