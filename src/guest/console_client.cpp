#include "guest/console_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/deadline.h"
#include "base/error.h"
#include "guest/raw_terminal.h"
#include "guest/signal_watch.h"

namespace meros::guest {
namespace {

constexpr std::size_t buffer_limit = std::size_t{64} << 10;
// After POLLOUT a pipe takes this much without blocking (PIPE_BUF, pipe(7)).
constexpr std::size_t write_chunk = 4096;

// What a guest may have left behind in a terminal: colours, a hidden cursor, mouse reports, bracketed paste.
constexpr std::string_view reset_modes = "\x1b[0m\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l";

// An open file description of our own for a terminal or pipe, so that O_NONBLOCK on it is not seen by the shell and
// others that share theirs. Nothing where that cannot be had: then we write small pieces.
Fd nonblocking_twin(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !(S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode))) return {};
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  return Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// One attachment, from the first byte to the last.
class Session {
 public:
  Session(Fd console, const ConsoleStreams& streams, const ConsoleOptions& options)
      : console_(std::move(console)),
        streams_(streams),
        options_(options),
        interactive_(::isatty(streams.input) != 0),
        own_output_(nonblocking_twin(streams.output)),
        output_(own_output_ ? own_output_.get() : streams.output),
        signals_({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT}) {
    set_nonblocking(console_);
  }

  ConsoleEnd run() {
    if (interactive_ && options_.escape)
      say(fmt::format("attached to '{}', {} detaches", options_.machine, escape_name(*options_.escape)));
    if (interactive_) terminal_ = std::make_unique<RawTerminal>(streams_.input);
    while (!end_) step();
    const bool in_line = interactive_ && last_shown_ != '\n';
    if (terminal_ && ::isatty(output_) != 0) write_to_user(reset_modes);
    terminal_.reset();
    if (in_line) say("");
    tell_end();
    return *end_;
  }

 private:
  void step() {
    // Typing is always read, for the escape key may be in it; a file waits until there is room.
    const bool wants_input = !input_over_ && (interactive_ || to_guest_.size() < buffer_limit);
    std::array<pollfd, 4> polled = {{
        {wants_input ? streams_.input : -1, POLLIN, 0},
        {console_over_ ? -1 : console_.get(), console_events(), 0},
        {output_, static_cast<short>(to_user_.empty() ? 0 : POLLOUT), 0},
        {signals_.descriptor().get(), POLLIN, 0},
    }};
    if (::poll(polled.data(), polled.size(), deadline_.poll_timeout()) < 0) {
      if (errno == EINTR) return;
      throw_errno("cannot poll the console");
    }
    if (polled[3].revents != 0) take_signals();
    if (polled[0].revents != 0) read_input();
    if ((polled[1].revents & POLLOUT) != 0) write_to_guest();
    if ((polled[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_console();
    if ((polled[2].revents & POLLOUT) != 0) flush_to_user();
    if ((polled[2].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) finish({ConsoleEnd::Kind::output_closed});
    if (console_over_ && to_user_.empty()) finish({ConsoleEnd::Kind::machine_ended});
    if (deadline_.passed()) finish({ConsoleEnd::Kind::input_over});
  }

  short console_events() const {
    int events = 0;
    if (to_user_.size() < buffer_limit) events |= POLLIN;
    if (!to_guest_.empty()) events |= POLLOUT;
    return static_cast<short>(events);
  }

  void finish(ConsoleEnd end) {
    if (!end_) end_ = end;
  }

  void take_signals() {
    while (const auto signal = signals_.take()) {
      if (*signal == SIGTSTP)
        suspend();
      else if (*signal == SIGCONT)
        take_terminal_back();
      else
        finish({ConsoleEnd::Kind::signalled, *signal});
    }
  }

  // Ctrl-Z goes to the guest; this is somebody else's SIGTSTP, and the shell gets its terminal as it was meanwhile.
  void suspend() {
    if (terminal_) terminal_->leave();
    ::raise(SIGSTOP);
  }

  // A shell sets its terminal to its own liking whenever it stops a job.
  void take_terminal_back() {
    if (terminal_) terminal_->enter();
  }

  void read_input() {
    std::array<char, write_chunk> buffer{};
    const ssize_t n = ::read(streams_.input, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    // EIO: the terminal was hung up.
    if (n < 0 && errno != EIO) throw_errno("cannot read the input");
    if (n <= 0) {
      end_input();
      return;
    }
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    if (interactive_ && options_.escape) {
      const auto at = bytes.find(*options_.escape);
      if (at != std::string_view::npos) finish({ConsoleEnd::Kind::detached});
      bytes = bytes.substr(0, at);
    }
    to_guest_ += bytes.substr(0, interactive_ ? buffer_limit - std::min(buffer_limit, to_guest_.size()) : bytes.npos);
    // What was typed before the escape key still goes out, as far as the guest takes it.
    if (end_) write_to_guest();
  }

  void end_input() {
    input_over_ = true;
    if (interactive_) finish({ConsoleEnd::Kind::input_over});
    if (to_guest_.empty()) begin_linger();
  }

  void begin_linger() {
    if (options_.linger) deadline_ = Deadline::after(*options_.linger);
  }

  void write_to_guest() {
    if (to_guest_.empty()) return;
    const ssize_t n = ::send(console_.get(), to_guest_.data(), to_guest_.size(), MSG_NOSIGNAL);
    if (n > 0) to_guest_.erase(0, static_cast<std::size_t>(n));
    // The reading side finds out that the machine ended, after all that it had to say.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) to_guest_.clear();
    if (n < 0 && errno != EPIPE && errno != ECONNRESET && errno != EAGAIN && errno != EINTR)
      throw_errno("cannot write to the console");
    if (input_over_ && to_guest_.empty()) begin_linger();
  }

  void read_console() {
    std::array<char, 16384> buffer{};
    const ssize_t n = ::recv(console_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0 && errno != ECONNRESET) throw_errno("cannot read the console");
    if (n <= 0) {
      console_over_ = true;
      return;
    }
    to_user_.append(buffer.data(), static_cast<std::size_t>(n));
    flush_to_user();
  }

  // As much as the other side takes now.
  void flush_to_user() {
    if (!own_output_ && (wait_for_output() & POLLOUT) == 0) return;
    to_user_.erase(0, write_to_user(to_user_));
  }

  short wait_for_output() const {
    pollfd one{output_, POLLOUT, 0};
    return ::poll(&one, 1, 0) == 1 ? one.revents : short{0};
  }

  std::size_t write_to_user(std::string_view bytes) {
    if (bytes.empty()) return 0;
    const ssize_t n = ::write(output_, bytes.data(), std::min(bytes.size(), write_chunk));
    if (n > 0) last_shown_ = bytes[static_cast<std::size_t>(n) - 1];
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN || errno == EINTR) return 0;
    if (errno != EPIPE && errno != EIO) throw_errno("cannot write the output");
    finish({ConsoleEnd::Kind::output_closed});
    return bytes.size();
  }

  void tell_end() const {
    if (end_->kind == ConsoleEnd::Kind::detached) say(fmt::format("detached from '{}'", options_.machine));
    if (end_->kind == ConsoleEnd::Kind::machine_ended) say(fmt::format("machine '{}' ended", options_.machine));
  }

  // A message that cannot be written is lost: a terminal that shows nothing must not keep us from ending.
  void say(const std::string& message) const {
    const std::string line = message + "\n";
    const Fd own = nonblocking_twin(streams_.messages);
    [[maybe_unused]] const ssize_t n = ::write(own ? own.get() : streams_.messages, line.data(), line.size());
  }

  Fd console_;
  const ConsoleStreams& streams_;
  const ConsoleOptions& options_;
  bool interactive_;
  Fd own_output_;
  int output_;
  SignalWatch signals_;
  std::unique_ptr<RawTerminal> terminal_;  // destroyed before the signals are let through
  std::string to_guest_;
  std::string to_user_;
  char last_shown_ = '\n';
  bool input_over_ = false;
  bool console_over_ = false;
  Deadline deadline_ = Deadline::never();
  std::optional<ConsoleEnd> end_;
};

}  // namespace

ConsoleEnd attach_console(Fd console, const ConsoleStreams& streams, const ConsoleOptions& options) {
  return Session(std::move(console), streams, options).run();
}

std::optional<char> parse_escape(const std::string& text) {
  if (text == "none") return std::nullopt;
  if (text.size() == 1) return text.front();
  // ^@ to ^_ are the control characters 0 to 31, as everywhere.
  if (text.size() == 2 && text.front() == '^') {
    const char key = text[1] >= 'a' && text[1] <= 'z' ? static_cast<char>(text[1] - 'a' + 'A') : text[1];
    if (key >= '@' && key <= '_') return static_cast<char>(key - '@');
  }
  throw UsageError("'" + text + "' is not an escape key", "write it as ^] for Ctrl-], or none");
}

std::string escape_name(char escape) {
  if (escape >= 0 && escape < 0x20) return std::string("Ctrl-") + static_cast<char>(escape + '@');
  return {escape};
}

}  // namespace meros::guest
