// The guest's serial line, as logs and as a terminal.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>

#include <array>

#include "base/unix_socket.h"
#include "integration/machine_test.h"

namespace meros::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Console : public EachVmm {
 protected:
  Fd connect(const std::string& name) {
    const Fd volume = open_file(home().volume(name), O_RDONLY | O_DIRECTORY);
    auto connection = connect_unix(volume, "console.sock");
    EXPECT_TRUE(connection.has_value());
    return connection ? std::move(*connection) : Fd();
  }
};

// Reads until `text` came; what came.
std::string read_until(const Fd& socket, const std::string& text) {
  std::string got;
  const Deadline deadline = Deadline::after(patience);
  std::array<char, 4096> chunk{};
  while (got.find(text) == std::string::npos && wait_for(socket, POLLIN, deadline.poll_timeout()) != 0) {
    const ssize_t n = ::read(socket.get(), chunk.data(), chunk.size());
    if (n <= 0) break;
    got.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return got;
}

TEST_P(Console, IsWrittenToTheLog) {
  create_and_start("web", vmm());
  ASSERT_TRUE(comes_to_say("web", ready_line));
  EXPECT_THAT(must({"logs", "web"}), StartsWith(std::string(ready_line) + "\n"));
  must({"delete", "web"});
}

TEST_P(Console, TakesInputAndShowsTheAnswer) {
  create_and_start("web", vmm());
  ASSERT_TRUE(comes_to_say("web", ready_line));
  const Result result = home().meros({"console", "web", "--timeout", "1"}, "hello, guest\n");
  EXPECT_TRUE(succeeds(result));
  EXPECT_THAT(result.out, HasSubstr(ready_line)) << "the end of the log comes first";
  EXPECT_THAT(result.out, HasSubstr("hello, guest\n"));
  must({"delete", "web"});
}

TEST_P(Console, HasSeveralReadersAtOnce) {
  create_and_start("web", vmm());
  ASSERT_TRUE(comes_to_say("web", ready_line));
  const Fd one = connect("web");
  const Fd other = connect("web");
  write_all(one, "from one\n");
  EXPECT_THAT(read_until(one, "from one\n"), EndsWith("from one\n"));
  EXPECT_THAT(read_until(other, "from one\n"), EndsWith("from one\n"));
  write_all(other, "from the other\n");
  EXPECT_THAT(read_until(one, "from the other\n"), EndsWith("from the other\n"));
  must({"delete", "web"});
}

TEST_P(Console, EndsWithTheMachine) {
  create_and_start("web", vmm());
  Child reader = spawn(home().meros_command({"logs", "-f", "web"}));
  Child attached = spawn(home().meros_command({"console", "web"}));
  must({"stop", "web"});
  EXPECT_TRUE(reader.wait_until(Deadline::after(patience)).value().success());
  EXPECT_TRUE(attached.wait_until(Deadline::after(patience)).value().success());
  must({"delete", "web"});
}

TEST_P(Console, IsRefusedWhereNothingRuns) {
  create("web", vmm());
  EXPECT_TRUE(fails_with(home().meros({"console", "web"}), ExitCode::failed, "machine 'web' does not run"));
  must({"delete", "web"});
}

// A reader that takes nothing, for as long as the guest prints more than is held for it: 256 KiB, and what the socket
// takes.
TEST_P(Console, DoesNotWaitForASlowReader) {
  create_and_start("web", vmm(), Guest::flood);
  const Fd slow = connect("web");
  ASSERT_TRUE(eventually([&] { return console_log_of("web").size() > 700'000; }, std::chrono::minutes(2)));
  EXPECT_THAT(read_until(slow, "bytes lost, this reader is too slow]"), HasSubstr("[meros: "));
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(Console);

// On the one whose guest prints megabytes in a second.
class ConsoleLog : public MachineTest {};

TEST_F(ConsoleLog, StaysWithinItsBounds) {
  create_and_start("web", fake_firecracker_vmm(), Guest::flood);
  const auto log = home().volume("web") / "console.log";
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(log.string() + ".1"); }, std::chrono::minutes(2)));
  must({"stop", "web", "--force"});
  EXPECT_LE(std::filesystem::file_size(log), 4U << 20);
  EXPECT_LE(std::filesystem::file_size(log.string() + ".1"), 4U << 20);
  must({"delete", "web"});
}

}  // namespace
}  // namespace meros::test
