#include "base/descriptor_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/error.h"

namespace meros {
namespace {

constexpr std::size_t limit = 1000;

Deadline soon() { return Deadline::after(std::chrono::seconds{30}); }

TEST(DescriptorSocket, PassesDescriptorsBesideALine) {
  const SocketPair pair = make_socket_pair();
  Pipe pipe = make_pipe();
  const std::array<int, 2> sent = {pipe.read_end.get(), pipe.write_end.get()};
  ASSERT_TRUE(send_line_with(pair.ours, "two ends", sent));
  pipe = {};
  const auto got = read_line_with(pair.theirs, limit, soon());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->line, "two ends");
  ASSERT_EQ(got->descriptors.size(), 2U);
  for (const auto& fd : got->descriptors) EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  write_all(got->descriptors[1], "through");
  std::array<char, 16> text{};
  EXPECT_EQ(::read(got->descriptors[0].get(), text.data(), text.size()), 7);
}

TEST(DescriptorSocket, PassesLinesOfOneByteAndOfManyAndNone) {
  const SocketPair pair = make_socket_pair();
  const Fd null = open_file("/dev/null", O_RDONLY);
  const std::array<int, 1> sent = {null.get()};
  for (const std::string& line : {std::string(), std::string("x"), std::string(limit, 'y')}) {
    ASSERT_TRUE(send_line_with(pair.ours, line, sent));
    const auto got = read_line_with(pair.theirs, limit, soon());
    ASSERT_TRUE(got);
    EXPECT_EQ(got->line, line);
    EXPECT_EQ(got->descriptors.size(), 1U);
    ASSERT_TRUE(send_line_with(pair.ours, line, {}));
    EXPECT_TRUE(read_line_with(pair.theirs, limit, soon())->descriptors.empty());
  }
}

TEST(DescriptorSocket, TellsTheEndATooLongLineAndSilenceApart) {
  SocketPair pair = make_socket_pair();
  EXPECT_THROW(read_line_with(pair.theirs, limit, Deadline::after(std::chrono::milliseconds{1})), TimeoutError);
  write_all(pair.ours, std::string(limit + 1, 'z'));
  EXPECT_THROW(read_line_with(pair.theirs, limit, soon()), InvalidError);
  pair.ours.reset();
  EXPECT_FALSE(read_line_with(pair.theirs, limit, soon()));
}

TEST(DescriptorSocket, RefusesWhatComesAfterTheAnswer) {
  const SocketPair pair = make_socket_pair();
  write_all(pair.ours, "one\ntwo\n");
  EXPECT_THROW(read_line_with(pair.theirs, limit, soon()), InvalidError);
}

TEST(DescriptorSocket, SaysWhenThePeerIsGone) {
  SocketPair pair = make_socket_pair();
  pair.theirs.reset();
  const Fd null = open_file("/dev/null", O_RDONLY);
  const std::array<int, 1> sent = {null.get()};
  EXPECT_FALSE(send_line_with(pair.ours, "hello", sent));
}

}  // namespace
}  // namespace meros
