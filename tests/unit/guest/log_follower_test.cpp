#include "guest/log_follower.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "console_user.h"
#include "machine/log_times.h"
#include "machine/state.h"

namespace meros::test {
namespace {

using guest::FollowOptions;

// A process that holds run.lock and says "running" from begin() on, as a supervisor does, until end(): then it writes
// its last line and ends.
class FakeSupervisor {
 public:
  explicit FakeSupervisor(const std::filesystem::path& volume) {
    pid_ = ::fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) live(volume);
    orders_.read_end.reset();
    answers_.write_end.reset();
  }
  ~FakeSupervisor() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void begin() {
    write_all(orders_.write_end, "b");
    EXPECT_EQ(read_until(answers_.read_end, "b"), "b");
  }
  void end() { orders_.write_end.reset(); }

 private:
  [[noreturn]] void live(const std::filesystem::path& volume) {
    orders_.write_end.reset();
    if (read_until(orders_.read_end, "b") != "b") ::_exit(1);
    const auto lock = ProcessLock::try_take(open_file(volume / machine::names::run_lock, O_RDWR | O_CREAT));
    if (!lock) ::_exit(1);
    machine::StateFile state;
    state.state = machine::State::running;
    machine::write_state(volume, state);
    write_all(answers_.write_end, "b");
    read_to_end(orders_.read_end);
    const Fd directory = open_file(volume, O_RDONLY | O_DIRECTORY);
    BoundedLog(directory, machine::names::console_log).append("last\n");
    ::_exit(0);
  }

  Pipe orders_ = make_pipe();
  Pipe answers_ = make_pipe();
  pid_t pid_;
};

class LogFollowerTest : public testing::Test {
 protected:
  void append(const std::string& text) const { BoundedLog(volume_, machine::names::console_log, 64).append(text); }
  void write_state(machine::State state) const {
    machine::StateFile file;
    file.state = state;
    machine::write_state(path_, file);
  }
  // Follows in a thread; what it says comes out of the pipe, which ends with it.
  void follow(FollowOptions options) {
    options.follow = true;
    options.output = shown_.write_end.get();
    thread_ = std::jthread([this, options] {
      follow_log(volume_, machine::names::console_log, options, [&](std::string_view bytes) {
        write_all(shown_.write_end, bytes);
        return true;
      });
      shown_.write_end.reset();
    });
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = [this] {
    make_directories(directory_.path() / "web");
    return directory_.path() / "web";
  }();
  Fd volume_ = open_file(path_, O_RDONLY | O_DIRECTORY);
  FakeSupervisor supervisor_{path_};  // before the pipe: its child must not hold that open
  Pipe shown_ = make_pipe();
  std::jthread thread_;
};

TEST_F(LogFollowerTest, PrintsWhatIsThereWithoutFollowing) {
  append("one\ntwo\n");
  std::string all;
  FollowOptions options;
  options.lines = 1;
  follow_log(volume_, machine::names::console_log, options, [&](std::string_view bytes) {
    all += bytes;
    return true;
  });
  EXPECT_EQ(all, "two\n");
}

TEST_F(LogFollowerTest, BeginsWithTheFirstLineOfATime) {
  BoundedLog log(volume_, machine::names::console_log);
  BoundedLog times(volume_, machine::names::console_times);
  for (const std::int64_t at_ms : {1000, 2000, 3000}) {
    const auto record = machine::encode({at_ms, log.end()});
    times.append({record.data(), record.size()});
    log.append("at " + std::to_string(at_ms) + "\n");
  }
  std::string all;
  FollowOptions options;
  options.since_ms = 1001;
  follow_log(volume_, machine::names::console_log, options, [&](std::string_view bytes) {
    all += bytes;
    return true;
  });
  EXPECT_EQ(all, "at 2000\nat 3000\n");
}

TEST_F(LogFollowerTest, ShowsEachLineAndEndsWithTheMachineAfterItsLastOne) {
  append("before\n");
  supervisor_.begin();
  follow({});
  EXPECT_EQ(read_until(shown_.read_end, "before\n"), "before\n");
  append("meanwhile\n");
  EXPECT_EQ(read_until(shown_.read_end, "meanwhile\n"), "meanwhile\n");
  supervisor_.end();
  EXPECT_EQ(read_to_end(shown_.read_end), "last\n");
}

TEST_F(LogFollowerTest, GoesOnOverARotation) {
  supervisor_.begin();
  follow({});
  for (int i = 0; i < 20; ++i) {
    const std::string line = "a line of some length, number " + std::to_string(i) + "\n";
    append(line);
    EXPECT_EQ(read_until(shown_.read_end, line), line);
  }
  supervisor_.end();
  EXPECT_EQ(read_to_end(shown_.read_end), "last\n");
}

TEST_F(LogFollowerTest, WaitsForAMachineThatWasNeverStarted) {
  write_state(machine::State::created);
  follow({});
  supervisor_.begin();
  append("hello\n");
  EXPECT_EQ(read_until(shown_.read_end, "hello\n"), "hello\n");
  supervisor_.end();
  EXPECT_EQ(read_to_end(shown_.read_end), "last\n");
}

TEST_F(LogFollowerTest, EndsAtOnceForAStoppedMachine) {
  write_state(machine::State::stopped);
  append("old\n");
  follow({});
  EXPECT_EQ(read_to_end(shown_.read_end), "old\n");
}

TEST_F(LogFollowerTest, EndsWhenTheVolumeIsTakenAway) {
  write_state(machine::State::created);
  append("old\n");
  follow({});
  EXPECT_EQ(read_until(shown_.read_end, "old\n"), "old\n");
  std::filesystem::rename(path_, directory_.path() / ".gone");
  EXPECT_EQ(read_to_end(shown_.read_end), "");
}

TEST_F(LogFollowerTest, EndsWhenItsReaderGoesAway) {
  supervisor_.begin();
  append("old\n");
  follow({});
  EXPECT_EQ(read_until(shown_.read_end, "old\n"), "old\n");
  shown_.read_end.reset();
  thread_.join();  // the test's own time limit is what fails here
}

}  // namespace
}  // namespace meros::test
