#include "console_user.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <array>
#include <cstring>

#include "base/deadline.h"
#include "base/error.h"
#include "base/unix_socket.h"
#include "machine/control.h"

namespace meros::test {
namespace {

termios settings_of(const Fd& terminal) {
  termios settings{};
  if (::tcgetattr(terminal.get(), &settings) != 0) throw_errno("tcgetattr");
  return settings;
}

// In the child: everything that the verb does, but for the search for the machine.
[[noreturn]] void attach_and_exit(const FakeConsole& console, const guest::ConsoleOptions& options) {
  int code = 99;
  try {
    auto connection = machine::connect_console(console.volume());
    if (connection)
      code = code_of(attach_console(std::move(*connection), {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, options));
  } catch (const std::exception&) {
    code = 98;
  }
  ::_exit(code);
}

}  // namespace

FakeConsole::FakeConsole()
    : volume_(open_file(directory_.path(), O_RDONLY | O_DIRECTORY)), listener_(listen_unix(volume_, "console.sock")) {}

Fd FakeConsole::accept() const {
  if (wait_for(listener_, POLLIN, static_cast<int>(patience.count())) == 0) throw Error("nobody connected");
  Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) throw_errno("accept");
  return connection;
}

int code_of(guest::ConsoleEnd end) {
  return end.kind == guest::ConsoleEnd::Kind::signalled ? 64 + end.signal : static_cast<int>(end.kind);
}

ConsoleUser::ConsoleUser(const FakeConsole& console, const guest::ConsoleOptions& options) {
  int master = -1;
  int slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) throw_errno("openpty");
  terminal_ = Fd(master);
  const Fd other_end(slave);
  before_ = settings_of(terminal_);
  pid_ = ::fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ > 0) return;
  terminal_.reset();
  if (::login_tty(::dup(slave)) != 0) ::_exit(97);
  attach_and_exit(console, options);
}

ConsoleUser::~ConsoleUser() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::kill(pid_, SIGCONT);
  ::waitpid(pid_, nullptr, 0);
}

bool ConsoleUser::is_raw() const { return (settings_of(terminal_).c_lflag & (ICANON | ECHO | ISIG)) == 0; }

bool ConsoleUser::becomes_raw() const {
  const auto deadline = Deadline::after(patience);
  while (!is_raw()) {
    if (deadline.passed()) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

bool ConsoleUser::is_as_before() const {
  const termios now = settings_of(terminal_);
  return now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag && now.c_cflag == before_.c_cflag &&
         now.c_lflag == before_.c_lflag && std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
}

int ConsoleUser::wait() {
  const auto deadline = Deadline::after(patience);
  for (int status = 0; !deadline.passed(); ::poll(nullptr, 0, 1)) {
    if (::waitpid(pid_, &status, WNOHANG) != pid_) continue;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return -1;
}

std::string read_until(const Fd& from, std::string_view text) {
  std::string all;
  const auto deadline = Deadline::after(patience);
  std::array<char, 4096> buffer{};
  while (all.find(text) == std::string::npos) {
    if (wait_for(from, POLLIN, deadline.poll_timeout()) == 0) return all;
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return all;
}

std::string read_to_end(const Fd& from) {
  std::string all;
  const auto deadline = Deadline::after(patience);
  std::array<char, 4096> buffer{};
  for (;;) {
    if (wait_for(from, POLLIN, deadline.poll_timeout()) == 0) return all;
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace meros::test
