#include "base/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <thread>

#include "base/file.h"

namespace meros {
namespace {

using namespace std::chrono_literals;

Command command(std::vector<std::string> argv) {
  Command c;
  c.argv = std::move(argv);
  return c;
}

TEST(Child, CarriesItsExitCode) { EXPECT_EQ(run(command({"sh", "-c", "exit 7"})).status.code, 7); }

TEST(Child, TellsTheSignalThatEndedIt) {
  const ExitStatus status = run(command({"sh", "-c", "kill -9 $$"})).status;
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(status.shell_code(), 137);
  EXPECT_EQ(status.describe(), "signal 9 (Killed)");
}

TEST(Child, TellsHowItEndedAsOftenAsItIsAsked) {
  Child child = spawn(command({"sh", "-c", "exit 7"}));
  EXPECT_EQ(child.wait().code, 7);
  EXPECT_EQ(child.wait().code, 7);
  EXPECT_EQ(child.try_wait().value().code, 7);
  EXPECT_EQ(child.wait_until(Deadline::never()).value().code, 7);
  Child moved = std::move(child);
  EXPECT_EQ(moved.try_wait().value().code, 7);
}

TEST(Child, GetsItsInputAndGivesBothOutputs) {
  const Output output = run(command({"sh", "-c", "cat; echo problem >&2"}), std::string(200'000, 'x'));
  EXPECT_EQ(output.out.size(), 200'000U);
  EXPECT_EQ(output.err, "problem\n");
}

TEST(Child, ArgumentsArriveAsTheyWere) {
  const Output output = run(command({"printf", "%s|", "a b", "$HOME", "'", "\n", "-x", ""}));
  EXPECT_EQ(output.out, "a b|$HOME|'|\n|-x||");
}

TEST(Child, ThatCannotBeExecutedGivesTheErrnoBack) {
  const TemporaryDirectory directory;
  const std::string script = (directory.path() / "not-a-program").string();
  replace_file(script, "\x01\x02 nothing", 0755);
  try {
    spawn(command({script}));
    FAIL();
  } catch (const SystemError& e) {
    EXPECT_EQ(e.error_number(), ENOEXEC);
    EXPECT_EQ(e.message(), "cannot run '" + script + "': Exec format error");
  }
}

TEST(Child, ThatIsNotInstalledIsWhatTheHostLacks) {
  try {
    spawn(command({"meros-no-such-program"}));
    FAIL();
  } catch (const HostError& e) {
    EXPECT_EQ(e.message(), "cannot run 'meros-no-such-program': it is not installed");
  }
}

TEST(Child, HasExactlyTheWantedDescriptors) {
  const Fd leaked(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC on purpose
  const Pipe pipe = make_pipe();
  Command c = command({"sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"});
  c.pass(pipe.write_end.get(), 9);
  const Output output = run(c);
  // ls itself opens the directory as the lowest free number.
  EXPECT_EQ(output.out, "0 1 2 3 9 ");
}

TEST(Child, GetsDescriptorsThatChangePlaces) {
  const TemporaryDirectory directory;
  replace_file(directory.path() / "a", "A");
  replace_file(directory.path() / "b", "B");
  const Fd a = open_file((directory.path() / "a").string(), O_RDONLY);
  const Fd b = open_file((directory.path() / "b").string(), O_RDONLY);
  Command c = command(
      {"sh", "-c", "cat /proc/self/fd/" + std::to_string(a.get()) + " /proc/self/fd/" + std::to_string(b.get())});
  c.pass(b.get(), a.get());
  c.pass(a.get(), b.get());
  EXPECT_EQ(run(c).out, "BA");
}

TEST(Child, UnnamedStandardDescriptorsAreNull) {
  Command c = command({"sh", "-c", "readlink /proc/self/fd/0 >&9"});
  const Pipe pipe = make_pipe();
  c.pass(pipe.write_end.get(), 9);
  Child child = spawn(c);
  child.wait();
  std::array<char, 64> buffer{};
  const auto n = ::read(pipe.read_end.get(), buffer.data(), buffer.size());
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(n)), "/dev/null\n");
}

TEST(Child, StartsWithDefaultSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  const Output output = run(command({"grep", "-E", "SigBlk|SigIgn", "/proc/self/status"}));
  EXPECT_EQ(output.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Child, RunsInTheDirectoryThatWasNamedByDescriptor) {
  const TemporaryDirectory directory;
  const Fd fd = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
  Command c = command({"pwd"});
  c.working_directory = fd.get();
  EXPECT_EQ(run(c).out, std::filesystem::canonical(directory.path()).string() + "\n");
}

TEST(Child, HasOnlyItsOwnEnvironmentWhereAsked) {
  Command c = command({"env"});
  c.clean_environment = true;
  c.environment = {"A=1", "B=two words"};
  EXPECT_EQ(run(c).out, "A=1\nB=two words\n");
}

TEST(Child, IsKilledAfterTheDeadline) {
  EXPECT_THROW(run(command({"sleep", "60"}), {}, Deadline::after(50ms)), TimeoutError);
}

TEST(Child, IsKilledWhenItsOwnerGoes) {
  Fd pidfd;
  {
    const Child child = spawn(command({"sleep", "60"}));
    pidfd = child.pidfd().duplicate();
  }
  EXPECT_NE(wait_for(pidfd, POLLIN, 0), 0);
}

TEST(Child, IsInitOfAPidNamespaceOfItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "making a PID namespace without a user namespace needs root";
  Command c = command({"sh", "-c", "echo $$"});
  c.namespaces = CLONE_NEWPID;
  EXPECT_EQ(run(c).out, "1\n");
}

TEST(Child, RunsAsAnotherUserWithoutCapabilities) {
  if (::geteuid() != 0) GTEST_SKIP() << "changing the user needs root";
  Command c = command({"sh", "-c", "id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status"});
  c.credentials = Command::Credentials{1900000001, 1900000002, {}};
  c.no_new_privileges = true;
  EXPECT_EQ(run(c).out, "1900000001\n1900000002\n1900000002\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST(Child, OfAnUnreachableDirectoryStillRunsAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "changing the user needs root";
  const TemporaryDirectory closed;
  std::filesystem::copy_file("/bin/true", closed.path() / "program");
  std::filesystem::permissions(closed.path(), std::filesystem::perms::owner_all);
  Command c = command({(closed.path() / "program").string()});
  c.credentials = Command::Credentials{1900000001, 1900000001, {}};
  EXPECT_TRUE(run(c).status.success());
}

TEST(Child, GetsASignalWhenItsParentDies) {
  // The parent is a shell that is killed; its child tells its end by closing the pipe.
  Pipe pipe = make_pipe();
  Command c = command({"sleep", "60"});
  c.parent_death_signal = SIGKILL;
  c.pass(pipe.write_end.get(), 5);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Child child = spawn(c);
    child.detach();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  pipe.write_end.reset();
  EXPECT_NE(wait_for(pipe.read_end, POLLIN, 5000) & POLLHUP, 0);
}

// Kills the calling process at its first write(2).
void end_at_the_first_write() {
  std::array<sock_filter, 4> filter = {{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{filter.size(), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    ::_exit(1);
}

TEST(Child, EndsWhenItsParentIsKilledBeforeItsUsersAreMapped) {
  if (::geteuid() != 0) GTEST_SKIP() << "a user namespace that is certain to be allowed needs root";
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    end_at_the_first_write();
    Command own = command({"true"});
    own.namespaces = CLONE_NEWUSER;
    own.uid_map = own.gid_map = "0 0 1";
    spawn(own);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
  // The child is ours now.
  const Deadline deadline = Deadline::after(std::chrono::seconds(60));
  pid_t orphan = 0;
  while ((orphan = ::waitpid(-1, &status, WNOHANG)) == 0 && !deadline.passed()) std::this_thread::yield();
  EXPECT_GT(orphan, 0) << "it waits for ever";
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(FindProgram, LooksBeyondAnOrdinaryUsersPath) {
  EXPECT_TRUE(find_program("sh"));
  EXPECT_FALSE(find_program("meros-no-such-program"));
}

}  // namespace
}  // namespace meros
