#include "base/lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/child.h"
#include "base/file.h"

namespace meros {
namespace {

using namespace std::chrono_literals;

class Lock : public testing::Test {
 protected:
  Fd open() const { return open_file(path, O_RDWR | O_CREAT, 0600); }

  // Not closed before the process ends.
  const Fd& open_for_ever() { return kept_ = open(); }

  // Another process that does `first`, says so, and ends when told.
  class Other {
   public:
    explicit Other(const std::function<bool()>& first) {
      Pipe said = make_pipe();
      Pipe told = make_pipe();
      pid_ = ::fork();
      if (pid_ == 0) {
        const char done = first() ? 'y' : 'n';
        if (::write(said.write_end.get(), &done, 1) != 1) ::_exit(1);
        char byte = 0;
        told.write_end.reset();
        [[maybe_unused]] const auto n = ::read(told.read_end.get(), &byte, 1);
        ::_exit(0);
      }
      char done = 0;
      EXPECT_EQ(::read(said.read_end.get(), &done, 1), 1);
      succeeded = done == 'y';
      end_ = std::move(told.write_end);
    }
    ~Other() { end(); }
    void end() {
      end_.reset();
      if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
    pid_t pid() const { return pid_; }
    bool succeeded = false;

   private:
    pid_t pid_ = -1;
    Fd end_;
  };

  TemporaryDirectory directory;
  std::string path = (directory.path() / "lock").string();

 private:
  Fd kept_;
};

TEST_F(Lock, OfAFileThatDoesNotExistIsFree) { EXPECT_EQ(lock_owner(path), std::nullopt); }

TEST_F(Lock, TellsItsOwnersPid) {
  std::optional<ProcessLock> held;
  const Other other([&] { return (held = ProcessLock::try_take(open())).has_value(); });
  ASSERT_TRUE(other.succeeded);
  EXPECT_EQ(lock_owner(path), other.pid());
  EXPECT_FALSE(ProcessLock::try_take(open()));
}

TEST_F(Lock, IsFreeWhenItsOwnerIsKilled) {
  std::optional<ProcessLock> held;
  Other other([&] { return (held = ProcessLock::try_take(open())).has_value(); });
  const auto owner = pin_lock_owner(path);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, other.pid());
  ::kill(other.pid(), SIGKILL);
  EXPECT_TRUE(wait_until_unlocked(path, Deadline::after(5s)));
  EXPECT_TRUE(ProcessLock::try_take(open()));
}

TEST_F(Lock, IsNotDisturbedByThoseWhoAsk) {
  std::optional<ProcessLock> held;
  const Other other([&] { return (held = ProcessLock::try_take(open())).has_value(); });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(lock_owner(path), other.pid());
  EXPECT_FALSE(ProcessLock::try_take(open()));
}

TEST_F(Lock, IsWaitedForAndSaysForWhom) {
  std::optional<ProcessLock> held;
  Other other([&] { return (held = ProcessLock::try_take(open())).has_value(); });
  pid_t told = 0;
  EXPECT_FALSE(ProcessLock::take(open(), Deadline::after(20ms), [&](pid_t pid) { told = pid; }));
  EXPECT_EQ(told, other.pid());
  other.end();
  EXPECT_TRUE(ProcessLock::take(open(), Deadline::after(5s), [](pid_t) { ADD_FAILURE() << "nobody has it"; }));
}

TEST_F(Lock, OfAFileExcludesThreadsOfOneProcess) {
  auto held = FileLock::try_take(open());
  ASSERT_TRUE(held);
  EXPECT_FALSE(FileLock::try_take(open()));
  open();  // closed at once: that takes nothing away
  EXPECT_FALSE(FileLock::try_take(open()));
  bool waited = false;
  std::optional<FileLock> second;
  std::thread other([&] {
    second = FileLock::take(open(), Deadline::after(5s), [&] {
      waited = true;
      held.reset();
    });
  });
  other.join();
  EXPECT_TRUE(waited);
  EXPECT_TRUE(second);
}

TEST_F(Lock, OfAFileIsRefusedAfterTheTime) {
  const Other other([&] { return try_inherited_lock(open_for_ever()); });
  ASSERT_TRUE(other.succeeded);
  bool waited = false;
  EXPECT_FALSE(FileLock::take(open(), Deadline::after(20ms), [&] { waited = true; }));
  EXPECT_TRUE(waited);
}

TEST_F(Lock, OfAnOpenFileLivesInTheChildThatInheritedIt) {
  Fd file = open();
  ASSERT_TRUE(try_inherited_lock(file));
  Command command;
  command.argv = {"sleep", "60"};
  command.pass(file.get(), 7);
  {
    const Child child = spawn(command);
    file.reset();
    EXPECT_EQ(lock_owner(path), 0);  // held, by no process in particular
    EXPECT_FALSE(try_inherited_lock(open()));
    EXPECT_FALSE(wait_until_unlocked(path, Deadline::after(10ms)));
  }
  EXPECT_TRUE(wait_until_unlocked(path, Deadline::after(5s)));
}

}  // namespace
}  // namespace meros
