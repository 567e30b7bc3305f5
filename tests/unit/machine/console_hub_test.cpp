#include "machine/supervisor/console_hub.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unix_socket.h"

namespace meros::machine {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

class ConsoleHubTest : public testing::Test {
 protected:
  ConsoleHubTest() {
    set_nonblocking(guest.ours);
    hub.attach(guest.ours);
  }
  void turn() {
    Watches watches;
    hub.watch(watches);
    watches.turn(Deadline::after(20ms));
  }
  Fd reader() {
    auto socket = connect_unix(volume, "console.sock");
    EXPECT_TRUE(socket);
    turn();
    set_nonblocking(*socket);
    return std::move(*socket);
  }
  // Turns the loop and reads until `text` has come.
  std::string read_until(const Fd& from, const std::string& text) {
    std::string all;
    std::string chunk(65536, '\0');
    const Deadline deadline = Deadline::after(5s);
    while (all.find(text) == std::string::npos && !deadline.passed()) {
      turn();
      for (;;) {
        const ssize_t n = ::read(from.get(), chunk.data(), chunk.size());
        if (n <= 0) break;
        all.append(chunk, 0, static_cast<std::size_t>(n));
      }
    }
    return all;
  }

  TemporaryDirectory directory;
  Fd volume = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  SocketPair guest = make_socket_pair();
  ConsoleHub hub{volume, 100'000};
};

TEST_F(ConsoleHubTest, WritesWhatTheGuestSaysIntoTheLog) {
  write_all(guest.theirs, "hello\n");
  turn();
  EXPECT_EQ(read_file(directory.path() / "console.log"), "hello\n");
}

TEST_F(ConsoleHubTest, GivesEveryReaderTheSame) {
  const Fd one = reader();
  const Fd two = reader();
  write_all(guest.theirs, "hello\n");
  EXPECT_EQ(read_until(one, "hello\n"), "hello\n");
  EXPECT_EQ(read_until(two, "hello\n"), "hello\n");
}

TEST_F(ConsoleHubTest, BeginsWithTheEndOfTheLog) {
  write_all(guest.theirs, "before\n");
  turn();
  const Fd late = reader();
  EXPECT_EQ(read_until(late, "before\n"), "before\n");
}

TEST_F(ConsoleHubTest, BeginsTheScrollbackWithAWholeLine) {
  for (int i = 0; i < 2000; ++i) {
    write_all(guest.theirs, "a line of some length " + std::to_string(i) + "\n");
    if (i % 100 == 0) turn();
  }
  hub.drain();
  const Fd late = reader();
  EXPECT_TRUE(read_until(late, " 1999\n").starts_with("a line of some length "));
}

TEST_F(ConsoleHubTest, PassesInputOfAllReadersToTheGuest) {
  const Fd one = reader();
  const Fd two = reader();
  write_all(one, "a");
  turn();
  write_all(two, "b");
  set_nonblocking(guest.theirs);
  EXPECT_EQ(read_until(guest.theirs, "ab"), "ab");
}

TEST_F(ConsoleHubTest, NeverHoldsUpTheGuestForASlowReader) {
  const Fd slow = reader();
  const std::string chunk(50'000, 'x');
  for (int i = 0; i < 40; ++i) {
    write_all(guest.theirs, chunk);  // blocks for ever if nobody drains the guest
    hub.drain();
  }
  EXPECT_THAT(read_until(slow, "too slow]\r\n"), HasSubstr(" bytes lost, this reader is too slow]\r\n"));
  write_all(guest.theirs, "after\n");
  EXPECT_THAT(read_until(slow, "after\n"), EndsWith("after\n"));
}

TEST_F(ConsoleHubTest, ForgetsAReaderThatWentAway) {
  { const Fd gone = reader(); }
  write_all(guest.theirs, "one\n");
  turn();
  turn();
  const Fd stays = reader();
  write_all(guest.theirs, "two\n");
  EXPECT_THAT(read_until(stays, "two\n"), EndsWith("two\n"));
}

TEST_F(ConsoleHubTest, GoesOnReadingAfterAReadersInputEnded) {
  const Fd one = reader();
  ASSERT_EQ(::shutdown(one.get(), SHUT_WR), 0);
  turn();
  write_all(guest.theirs, "still here\n");
  EXPECT_EQ(read_until(one, "here\n"), "still here\n");
}

TEST_F(ConsoleHubTest, SurvivesTheEndOfTheGuest) {
  const Fd one = reader();
  write_all(guest.theirs, "last words\n");
  guest.theirs.reset();
  hub.detach();
  EXPECT_EQ(read_until(one, "words\n"), "last words\n");
  SocketPair next = make_socket_pair();
  set_nonblocking(next.ours);
  hub.attach(next.ours);
  write_all(next.theirs, "again\n");
  EXPECT_EQ(read_until(one, "again\n"), "again\n");
}

}  // namespace
}  // namespace meros::machine
