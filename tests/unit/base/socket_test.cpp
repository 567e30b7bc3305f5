#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/line_socket.h"
#include "base/unix_socket.h"

namespace meros {
namespace {

using namespace std::chrono_literals;

TEST(UnixSocket, IsReachedAtAPathOfTwoHundredCharacters) {
  const TemporaryDirectory directory;
  const std::filesystem::path deep = directory.path() / std::string(200, 'd');
  std::filesystem::create_directory(deep);
  const Fd fd = open_file(deep, O_RDONLY | O_DIRECTORY);
  const Fd listener = listen_unix(fd, "s.sock");
  const auto client = connect_unix((deep / "s.sock").string());
  ASSERT_TRUE(client);
  const Fd server(::accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(peer_of(server).pid, ::getpid());
}

TEST(UnixSocket, ThatIsNotThereIsNothing) {
  EXPECT_FALSE(connect_unix("/nowhere/s.sock"));
  const TemporaryDirectory directory;
  EXPECT_FALSE(connect_unix((directory.path() / "s.sock").string()));
}

TEST(UnixSocket, ReplacesOneThatWasLeftThere) {
  const TemporaryDirectory directory;
  const Fd fd = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  listen_unix(fd, "s.sock");
  EXPECT_FALSE(connect_unix(fd, "s.sock"));
  const Fd listener = listen_unix(fd, "s.sock");
  EXPECT_TRUE(connect_unix(fd, "s.sock"));
}

TEST(LineSocket, GivesWholeLinesOnly) {
  const SocketPair pair = make_socket_pair();
  LineReader reader(100);
  ASSERT_TRUE(send_line(pair.theirs, "one\ntwo"));
  write_all(pair.theirs, "half");
  EXPECT_EQ(reader.read_line(pair.ours, Deadline::after(1s)), "one");
  EXPECT_EQ(reader.read_line(pair.ours, Deadline::after(1s)), "two");
  EXPECT_THROW(reader.read_line(pair.ours, Deadline::after(10ms)), TimeoutError);
}

TEST(LineSocket, TellsTheEndOfTheFile) {
  SocketPair pair = make_socket_pair();
  pair.theirs.reset();
  LineReader reader(100);
  EXPECT_EQ(reader.read_line(pair.ours, Deadline::after(1s)), std::nullopt);
  EXPECT_FALSE(send_line(pair.ours, "anyone?"));
}

TEST(LineSocket, RefusesALineWithoutAnEnd) {
  const SocketPair pair = make_socket_pair();
  write_all(pair.theirs, std::string(200, 'x'));
  LineReader reader(100);
  EXPECT_THROW(reader.read_line(pair.ours, Deadline::after(1s)), InvalidError);
}

}  // namespace
}  // namespace meros
