#include "guest/console_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/error.h"
#include "console_user.h"

namespace meros::test {
namespace {

using guest::ConsoleEnd;
using guest::ConsoleOptions;
using testing::HasSubstr;
using testing::Not;

constexpr char escape = 0x1d;

ConsoleOptions options_of(const std::string& machine) {
  ConsoleOptions options;
  options.machine = machine;
  return options;
}

int code(ConsoleEnd::Kind kind) { return code_of({kind}); }

TEST(ConsoleClient, SaysWhoseConsoleItIsAndHowToDetach) {
  const FakeConsole console;
  const ConsoleUser user(console, options_of("web"));
  EXPECT_THAT(read_until(user.terminal(), "\n"), "attached to 'web', Ctrl-] detaches\r\n");
}

TEST(ConsoleClient, PassesKeysAsTheyAreTyped) {
  const FakeConsole console;
  const ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  user.type("\x03\x1a\x04ls -l\r\xff");
  EXPECT_EQ(read_until(guest, "\xff"), "\x03\x1a\x04ls -l\r\xff");
}

TEST(ConsoleClient, ShowsTheGuestsBytesUntouched) {
  const FakeConsole console;
  const ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  read_until(user.terminal(), "detaches\r\n");
  const std::string bytes("\x1b[6n\n\r\xc3\xa9\x00\xff.", 11);
  write_all(guest, bytes);
  EXPECT_EQ(read_until(user.terminal(), "."), bytes);
}

TEST(ConsoleClient, PassesTheTerminalsAnswersToTheGuest) {
  const FakeConsole console;
  const ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  write_all(guest, "\x1b[6n");
  EXPECT_THAT(read_until(user.terminal(), "\x1b[6n"), HasSubstr("\x1b[6n"));
  user.type("\x1b[24;80R");
  EXPECT_EQ(read_until(guest, "R"), "\x1b[24;80R");
}

TEST(ConsoleClient, DetachesAtTheEscapeKeyAndRestoresTheTerminal) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  user.type(std::string("last words") + escape + "not for the guest");
  EXPECT_EQ(read_to_end(guest), "last words");
  EXPECT_THAT(read_until(user.terminal(), "detached from"), HasSubstr("detached from"));
  EXPECT_EQ(user.wait(), code(ConsoleEnd::Kind::detached));
  EXPECT_TRUE(user.is_as_before());
}

TEST(ConsoleClient, BeginsALineOfItsOwnForItsLastMessage) {
  const FakeConsole console;
  const ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  write_all(guest, "login: ");
  EXPECT_THAT(read_until(user.terminal(), "login: "), HasSubstr("login: "));
  user.type(std::string{escape});
  EXPECT_THAT(read_until(user.terminal(), "'web'\r\n"), HasSubstr("\r\ndetached from 'web'\r\n"));
}

TEST(ConsoleClient, TakesAnotherEscapeKey) {
  const FakeConsole console;
  auto options = options_of("web");
  options.escape = guest::parse_escape("^a");
  ConsoleUser user(console, options);
  const Fd guest = console.accept();
  EXPECT_THAT(read_until(user.terminal(), "detaches"), HasSubstr("Ctrl-A detaches"));
  ASSERT_TRUE(user.becomes_raw());
  user.type(std::string{escape} + ".\x01");
  EXPECT_EQ(read_to_end(guest), std::string{escape} + ".");
  EXPECT_EQ(user.wait(), code(ConsoleEnd::Kind::detached));
}

TEST(ConsoleClient, SaysThatTheMachineEndedAfterItsLastWords) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  write_all(guest, "Power down\r\n");
  guest.reset();
  const std::string shown = read_until(user.terminal(), "ended\r\n");
  EXPECT_THAT(shown, HasSubstr("Power down\r\n"));
  EXPECT_THAT(shown, HasSubstr("machine 'web' ended\r\n"));
  EXPECT_LT(shown.find("Power down"), shown.find("machine 'web' ended"));
  EXPECT_EQ(user.wait(), code(ConsoleEnd::Kind::machine_ended));
  EXPECT_TRUE(user.is_as_before());
}

class ConsoleClientOnSignal : public testing::TestWithParam<int> {};

TEST_P(ConsoleClientOnSignal, RestoresTheTerminal) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  ::kill(user.pid(), GetParam());
  EXPECT_EQ(user.wait(), code_of({ConsoleEnd::Kind::signalled, GetParam()}));
  EXPECT_TRUE(user.is_as_before());
}

INSTANTIATE_TEST_SUITE_P(Signals, ConsoleClientOnSignal, testing::Values(SIGTERM, SIGHUP, SIGINT, SIGQUIT));

TEST(ConsoleClient, GivesTheTerminalBackWhileItIsStopped) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  ::kill(user.pid(), SIGTSTP);
  int status = 0;
  ASSERT_EQ(::waitpid(user.pid(), &status, WUNTRACED), user.pid());
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_TRUE(user.is_as_before());
  ::kill(user.pid(), SIGCONT);
  EXPECT_TRUE(user.becomes_raw());
  user.type("still here\r");
  EXPECT_EQ(read_until(guest, "\r"), "still here\r");
}

TEST(ConsoleClient, ServesTwoUsersAtOnce) {
  const FakeConsole console;
  const ConsoleUser first(console, options_of("web"));
  const Fd to_first = console.accept();
  ConsoleUser second(console, options_of("web"));
  const Fd to_second = console.accept();
  ASSERT_TRUE(first.becomes_raw());
  ASSERT_TRUE(second.becomes_raw());
  write_all(to_first, "hello first.");
  write_all(to_second, "hello second.");
  EXPECT_THAT(read_until(first.terminal(), "."), HasSubstr("hello first."));
  EXPECT_THAT(read_until(second.terminal(), "."), HasSubstr("hello second."));
  second.type(std::string{escape});
  EXPECT_EQ(second.wait(), code(ConsoleEnd::Kind::detached));
  first.type("alone\r");
  EXPECT_EQ(read_until(to_first, "\r"), "alone\r");
}

TEST(ConsoleClient, DetachesFromAGuestThatDoesNotRead) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  // More than its buffer and the socket's together.
  const std::string keys(4096, 'x');
  for (int i = 0; i < 256; ++i) user.type(keys);
  user.type(std::string{escape});
  EXPECT_EQ(user.wait(), code(ConsoleEnd::Kind::detached));
}

TEST(ConsoleClient, DetachesFromATerminalThatDoesNotShow) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  // Nobody reads the terminal: the guest's output comes to a stop at every buffer on the way.
  set_nonblocking(guest);
  const std::string flood(65536, 'y');
  const auto deadline = Deadline::after(patience);
  int stalled = 0;
  while (stalled < 3 && !deadline.passed()) {
    const bool sent = ::send(guest.get(), flood.data(), flood.size(), MSG_NOSIGNAL) > 0;
    stalled = sent ? 0 : stalled + 1;
    if (!sent) wait_for(guest, POLLOUT, 50);
  }
  ASSERT_EQ(stalled, 3);
  user.type(std::string{escape});
  EXPECT_EQ(user.wait(), code(ConsoleEnd::Kind::detached));
}

TEST(ConsoleClient, EndsWithItsTerminal) {
  const FakeConsole console;
  ConsoleUser user(console, options_of("web"));
  const Fd guest = console.accept();
  ASSERT_TRUE(user.becomes_raw());
  user.hang_up();
  EXPECT_EQ(read_to_end(guest), "");
  EXPECT_NE(user.wait(), -1) << "it lives on";
}

// Without a terminal: pipes on both sides, in this process.
struct Piped {
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  SocketPair line = make_socket_pair();
  guest::ConsoleStreams streams() const { return {input.read_end.get(), output.write_end.get(), STDERR_FILENO}; }
};

TEST(ConsoleClient, PumpsAFileAndGoesOnReadingUntilTheMachineEnds) {
  Piped piped;
  write_all(piped.input.write_end, std::string("uname -a\n") + escape + "\n");
  piped.input.write_end.reset();
  write_all(piped.line.theirs, "Linux\n");
  ::shutdown(piped.line.theirs.get(), SHUT_WR);
  const auto end = attach_console(std::move(piped.line.ours), piped.streams(), options_of("web"));
  EXPECT_EQ(end.kind, ConsoleEnd::Kind::machine_ended);
  piped.output.write_end.reset();
  EXPECT_EQ(read_to_end(piped.output.read_end), "Linux\n");
}

TEST(ConsoleClient, SendsAllOfAPipeWhateverIsInIt) {
  Piped piped;
  const std::string everything = std::string("one\n") + escape + "\x03two\n";
  write_all(piped.input.write_end, everything);
  piped.input.write_end.reset();
  auto options = options_of("web");
  options.linger = std::chrono::milliseconds(1);
  const auto end = attach_console(std::move(piped.line.ours), piped.streams(), options);
  EXPECT_EQ(end.kind, ConsoleEnd::Kind::input_over);
  EXPECT_EQ(read_to_end(piped.line.theirs), everything);
}

TEST(ConsoleClient, EndsWhenNobodyReadsItsOutput) {
  Piped piped;
  piped.output.read_end.reset();
  ::signal(SIGPIPE, SIG_IGN);
  const auto end = attach_console(std::move(piped.line.ours), piped.streams(), options_of("web"));
  EXPECT_EQ(end.kind, ConsoleEnd::Kind::output_closed);
}

TEST(ConsoleClient, LeavesTheOutputsFlagsAlone) {
  Piped piped;
  piped.input.write_end.reset();
  piped.line.theirs.reset();
  const int before = ::fcntl(piped.output.write_end.get(), F_GETFL);
  attach_console(std::move(piped.line.ours), piped.streams(), options_of("web"));
  EXPECT_EQ(::fcntl(piped.output.write_end.get(), F_GETFL), before);
}

TEST(EscapeKey, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(guest::parse_escape("^]"), '\x1d');
  EXPECT_EQ(guest::parse_escape("^a"), '\x01');
  EXPECT_EQ(guest::parse_escape("^A"), '\x01');
  EXPECT_EQ(guest::parse_escape("^@"), '\0');
  EXPECT_EQ(guest::parse_escape("~"), '~');
  EXPECT_EQ(guest::parse_escape("none"), std::nullopt);
}

TEST(EscapeKey, IsNothingElse) {
  for (const auto* text : {"", "^1", "ctrl-a", "^]]"}) {
    try {
      guest::parse_escape(text);
      ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const UsageError& e) {
      EXPECT_EQ(e.message(), std::string("'") + text + "' is not an escape key");
      EXPECT_EQ(e.hint(), "write it as ^] for Ctrl-], or none");
    }
  }
}

TEST(EscapeKey, HasANameForPeople) {
  EXPECT_EQ(guest::escape_name(escape), "Ctrl-]");
  EXPECT_EQ(guest::escape_name('\x01'), "Ctrl-A");
  EXPECT_EQ(guest::escape_name('~'), "~");
}

}  // namespace
}  // namespace meros::test
