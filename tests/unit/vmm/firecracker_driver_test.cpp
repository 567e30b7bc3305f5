// The driver with a process behind it: the stand-in, and the real Firecracker where there is one.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/lock.h"
#include "base/unix_socket.h"
#include "firecracker_world.h"
#include "network/tap.h"
#include "support/devices.h"
#include "support/host.h"
#include "support/namespace.h"
#include "support/process.h"
#include "support/programs.h"
#include "support/wait.h"

namespace meros::vmm::firecracker {
namespace {

using namespace std::chrono_literals;

const std::string ready = std::string(test::ready_line) + "\n";
constexpr Command::Credentials somebody_else{61234, 61234, {}};

class FirecrackerProcess : public testing::TestWithParam<Binary> {
 protected:
  std::string binary() const { return GetParam().path; }
  static ExitStatus end_of(Vmm& vmm) {
    const auto status = vmm.process().wait_until(Deadline::after(patience));
    if (!status) throw Error("it does not end");
    return *status;
  }

  World world_;
};

INSTANTIATE_TEST_SUITE_P(With, FirecrackerProcess, testing::ValuesIn(binaries()), name_of);

TEST_P(FirecrackerProcess, BootsAndTheGuestIsOnTheConsole) {
  const auto vmm = world_.boot(binary());
  EXPECT_EQ(vmm->query(), "running");
  EXPECT_EQ(read_until(vmm->console(), ready), ready);
  EXPECT_EQ(vmm->event_descriptor(), -1);
  EXPECT_TRUE(vmm->take_events().empty());
}

TEST_P(FirecrackerProcess, PassesEveryByteBothWays) {
  const auto vmm = world_.boot(binary());
  read_until(vmm->console(), ready);
  std::string bytes;
  for (int c = 1; c < 256; ++c) bytes += static_cast<char>(c);  // ^C, ^D, ^S, CR and LF among them
  // The guest's serial port holds 64 bytes.
  for (std::size_t at = 0; at < bytes.size(); at += 32) {
    const std::string part = bytes.substr(at, 32);
    write_all(vmm->console(), part);
    EXPECT_EQ(read_until(vmm->console(), part), part);
  }
}

TEST_P(FirecrackerProcess, StopsOnCtrlAltDel) {
  const auto vmm = world_.boot(binary());
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  EXPECT_EQ(end_of(*vmm).describe(), "exit code 0");
  EXPECT_EQ(read_until(vmm->console(), "stops\n"), ready + test::stop_line + "\n");
}

TEST_P(FirecrackerProcess, StartsWhereTheLastOneLeftItsSocket) {
  const auto socket = world_.path() / "run/firecracker.sock";
  for (int i = 0; i < 2; ++i) {
    const auto vmm = world_.boot(binary());
    vmm->ask_to_stop();
    end_of(*vmm);
    EXPECT_TRUE(std::filesystem::is_socket(socket)) << "it removed its socket, which the real one does not";
  }
}

TEST_P(FirecrackerProcess, LinksItsSocketForPeople) {
  world_.write("firecracker.sock", "left by another program");
  const auto vmm = world_.boot(binary());
  EXPECT_EQ(std::filesystem::read_symlink(world_.path() / "firecracker.sock"), "run/firecracker.sock");
  EXPECT_TRUE(connect_unix(world_.volume(), "firecracker.sock"));
}

TEST_P(FirecrackerProcess, PausesAndResumes) {
  const auto vmm = world_.boot(binary());
  read_until(vmm->console(), ready);
  vmm->pause();
  EXPECT_EQ(vmm->query(), "paused");
  vmm->pause();
  write_all(vmm->console(), "x");
  EXPECT_EQ(wait_for(vmm->console(), POLLIN, 50), 0) << "it spoke in its sleep";
  vmm->resume();
  EXPECT_EQ(vmm->query(), "running");
  EXPECT_EQ(read_until(vmm->console(), "x"), "x");
}

TEST_P(FirecrackerProcess, KeepsItsLogApartFromTheGuestsLines) {
  const auto vmm = world_.boot(binary());
  vmm->ask_to_stop();
  end_of(*vmm);
  const std::string log = read_until(vmm->log(), "exit_code=0\n");
  EXPECT_NE(log.find(":INFO] Running Firecracker v"), std::string::npos) << log;
  EXPECT_NE(log.find("[tiny-1:main"), std::string::npos) << log;
  EXPECT_EQ(read_until(vmm->console(), "stops\n").find("Firecracker"), std::string::npos);
}

TEST_P(FirecrackerProcess, GivesTheEndOfItsLog) {
  const auto vmm = world_.boot(binary());
  vmm->process().kill(SIGTERM);
  EXPECT_EQ(end_of(*vmm).describe(), "signal 15 (Terminated)");
  read_until(vmm->log(), "never said");
  char byte = 0;
  EXPECT_EQ(::read(vmm->log().get(), &byte, 1), 0) << "somebody has the log's pipe still open";
  EXPECT_TRUE(wait_for(vmm->console(), POLLIN, 0) & POLLHUP);
}

TEST_P(FirecrackerProcess, HasNothingOfOurEnvironment) {
  const auto vmm = world_.boot(binary());
  EXPECT_EQ(read_file("/proc/" + std::to_string(vmm->process().pid()) + "/environ"), "");
}

TEST_P(FirecrackerProcess, HearsNoKeyOfOurTerminalAndGainsNoPrivilege) {
  const auto vmm = world_.boot(binary());
  const pid_t pid = vmm->process().pid();
  EXPECT_EQ(::getsid(pid), pid);
  EXPECT_EQ(test::status_line(pid, "NoNewPrivs"), "1");
}

TEST_P(FirecrackerProcess, HoldsTheLockUntilItsEnd) {
  Fd lock = open_file_at(world_.volume(), "vmm.lock", O_RDWR | O_CREAT);
  ASSERT_TRUE(try_inherited_lock(lock));
  Site site;
  site.volume = &world_.volume();
  site.vmm_lock = &lock;
  const auto vmm = driver_named("firecracker").launch(world_.spec, binary(), site);
  lock.reset();
  const std::string path = world_.path() / "vmm.lock";
  EXPECT_TRUE(lock_owner(path));
  vmm->process().kill(SIGKILL);
  EXPECT_TRUE(wait_until_unlocked(path, Deadline::after(patience)));
}

TEST_P(FirecrackerProcess, EndsWithItsOwner) {
  auto vmm = world_.boot(binary());
  const Fd pidfd = vmm->process().pidfd().duplicate();
  vmm.reset();
  EXPECT_NE(wait_for(pidfd, POLLIN, 0), 0) << "it lives on";
}

TEST_P(FirecrackerProcess, TellsThatItHasEnded) {
  const auto vmm = world_.boot(binary());
  vmm->process().kill(SIGKILL);
  wait_for(vmm->process().pidfd(), POLLIN, -1);
  for (int i = 0; i < 2; ++i) {
    try {
      vmm->pause();
      FAIL() << "no error";
    } catch (const Error& e) {
      EXPECT_EQ(e.message(), "Firecracker has ended");
    }
  }
  EXPECT_EQ(end_of(*vmm).signal, SIGKILL) << "its end is for the caller to see";
}

TEST_P(FirecrackerProcess, OfACrashedGuestEnds) {
  world_.spec.kernel = test::kernel_of(test::Guest::crash);
  const auto vmm = world_.boot(binary());
  // The real one exits with 0 or 1, as its threads happen to run; the log tells.
  EXPECT_EQ(end_of(*vmm).signal, 0);
  EXPECT_NE(read_until(vmm->log(), "never said").find("Unexpected exit reason on vcpu run: Shutdown"),
            std::string::npos);
}

TEST_P(FirecrackerProcess, DropsWhatNobodyReads) {
  world_.spec.kernel = test::kernel_of(test::Guest::flood);
  const auto vmm = world_.boot(binary());
  read_until(vmm->console(), "00000004");
  // Far more than a terminal holds is said before it hears of this.
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  EXPECT_EQ(end_of(*vmm).describe(), "exit code 0");
}

TEST_P(FirecrackerProcess, OutlivesAskingADeafGuest) {
  world_.spec.kernel = test::kernel_of(test::Guest::deaf);
  const auto vmm = world_.boot(binary());
  read_until(vmm->console(), ready);
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  write_all(vmm->console(), "x");
  EXPECT_EQ(wait_for(vmm->console(), POLLIN, 50), 0) << "it is not deaf";
  EXPECT_EQ(vmm->query(), "running");
}

TEST_P(FirecrackerProcess, IsNotStartedForWhatIsNotWanted) {
  const auto vmm = world_.launch(binary());
  try {
    vmm->boot(Deadline::after(patience), [] { throw Error("given up"); });
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "given up");
  }
  EXPECT_TRUE(vmm->process().running());
}

TEST_P(FirecrackerProcess, NamesAMissingKernel) {
  world_.spec.kernel = "nowhere";
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.message(),
            "kernel 'nowhere': Firecracker refused PUT /boot-source: Boot source error: The kernel file cannot be "
            "opened: No such file or directory (os error 2)");
  EXPECT_EQ(error.exit_code(), ExitCode::not_found);
}

TEST_P(FirecrackerProcess, NamesAMissingInitrd) {
  world_.spec.initrd = "nowhere";
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.message(),
            "initrd 'nowhere': Firecracker refused PUT /boot-source: Boot source error: The initrd file cannot be "
            "opened due to invalid path or invalid permissions. No such file or directory (os error 2)");
  EXPECT_EQ(error.exit_code(), ExitCode::not_found);
}

TEST_P(FirecrackerProcess, NamesAMissingDisk) {
  world_.spec.disks = {raw_disk("nowhere")};
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.message(),
            "disk 'nowhere': Firecracker refused PUT /drives/rootfs: Drive config error: Unable to create the virtio "
            "block device: Virtio backend error: Error manipulating the backing file: No such file or directory (os "
            "error 2) nowhere");
  EXPECT_EQ(error.exit_code(), ExitCode::not_found);
}

TEST_P(FirecrackerProcess, TakesDisksRelativeToItsVolume) {
  world_.write("root.img", std::string(1 << 20, '\0'), 0444);
  world_.write("data.img", std::string(1 << 20, '\0'));
  world_.spec.disks = {raw_disk("root.img"), raw_disk(world_.path() / "data.img")};
  world_.spec.disks[0].read_only = true;
  EXPECT_EQ(world_.boot(binary())->query(), "running");
}

TEST_P(FirecrackerProcess, RefusesWhatIsNoKernel) {
  world_.write("kernel", std::string(4096, '\0'));
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.exit_code(), ExitCode::invalid) << error.message();
  EXPECT_TRUE(
      error.message().starts_with("Firecracker refused PUT /actions: Start microvm error: System configuration "
                                  "error: Cannot load kernel due to invalid memory configuration or invalid "
                                  "kernel image: Kernel Loader: "))
      << error.message();
}

TEST_P(FirecrackerProcess, RefusesAKernelThatDoesNotFit) {
  world_.spec.memory_mib = 1;
  EXPECT_EQ(world_.failure(binary()).exit_code(), ExitCode::invalid);
}

// The numbers that validate() lets pass, and no smaller ones, are those that the program takes.
TEST_P(FirecrackerProcess, TakesAsManyDevicesAndArgumentsAsWeThink) {
  if (host_arch() != Arch::x86_64) GTEST_SKIP() << "devices are on the command line on x86_64 only";
  world_.write("disk.img", std::string(4096, '\0'));
  world_.spec.disks.assign(17, raw_disk("disk.img"));
  world_.spec.kernel_args = std::string(1415, 'x');
  EXPECT_EQ(world_.boot(binary())->query(), "running");
}

TEST_P(FirecrackerProcess, TellsAMissingTap) {
  world_.spec.nics = {{"mrs-none-0", "02:00:00:00:00:01"}};
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.message(), "TAP device 'mrs-none-0' does not exist");
  EXPECT_EQ(error.hint(), "make it with: ip tuntap add dev mrs-none-0 mode tap");
  EXPECT_EQ(error.exit_code(), ExitCode::not_found);
}

class FirecrackerOnATap : public FirecrackerProcess {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(test::Need::root, test::Need::namespaces, test::Need::ip);
    namespace_.emplace();
    if (!test::open_devices_to_all()) GTEST_SKIP() << "device nodes cannot be made here";
    world_.spec.nics = {{"tap7", "02:00:00:00:00:01"}};
    world_.user = somebody_else;
  }
  static void make_tap(uid_t owner) {
    network::TapSettings settings;
    settings.name = "tap7";
    settings.owner_uid = owner;
    network::ensure_tap(settings);
  }

  std::optional<test::NetworkNamespace> namespace_;
};

INSTANTIATE_TEST_SUITE_P(With, FirecrackerOnATap, testing::ValuesIn(binaries()), name_of);

TEST_P(FirecrackerOnATap, BootsAsTheUserThatOwnsIt) {
  make_tap(somebody_else.uid);
  const auto vmm = world_.boot(binary());
  EXPECT_EQ(read_until(vmm->console(), ready), ready);
  EXPECT_NE(read_until(vmm->log(), "Running Firecracker v").find("Running Firecracker v"), std::string::npos)
      << "its log is lost";
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  EXPECT_EQ(end_of(*vmm).describe(), "exit code 0");
}

TEST_P(FirecrackerOnATap, TellsThatAnotherProcessHasIt) {
  make_tap(somebody_else.uid);
  const Fd taken = network::open_tap("tap7");
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.message(),
            "TAP device 'tap7': Firecracker refused PUT /network-interfaces/eth0: Network config error: Could not "
            "create the network device: Open tap device failed: Error while creating ifreq structure: Device or "
            "resource busy (os error 16). Invalid TUN/TAP Backend provided by tap7. Check our documentation on setting "
            "up the network devices.");
  EXPECT_EQ(error.hint(),
            "another process has this TAP open: stop the machine that uses it, or give this one another with --tap");
  EXPECT_EQ(error.exit_code(), ExitCode::busy);
}

TEST_P(FirecrackerOnATap, TellsThatAnotherUserOwnsIt) {
  make_tap(somebody_else.uid + 1);
  const Error error = world_.failure(binary());
  EXPECT_EQ(error.hint(), "this TAP belongs to another user: remove it, or give the machine another with --tap");
  EXPECT_EQ(error.exit_code(), ExitCode::busy) << error.message();
}

TEST_P(FirecrackerProcess, AsAnotherUserSaysWhyItCannotListen) {
  MEROS_REQUIRE(test::Need::root);
  if (::chmod((world_.path() / "run").c_str(), 0755) != 0) FAIL();
  Site site;
  site.volume = &world_.volume();
  site.user = somebody_else;
  const auto vmm = driver_named("firecracker").launch(world_.spec, binary(), site);
  try {
    vmm->boot(Deadline::after(patience), {});
    FAIL() << "it booted";
  } catch (const Error& e) {
    EXPECT_TRUE(e.message().starts_with(
        "Firecracker ended with exit code 1: RunWithApiError error: Failed to bind and run the HTTP server: IO error: "
        "Permission denied (os error 13); Error: RunWithApi("))
        << e.message();
  }
  EXPECT_NE(read_until(vmm->log(), "Permission denied").find("Permission denied"), std::string::npos)
      << "its words are gone from the log";
}

// What only a program that is none shows.

class FirecrackerImpostor : public testing::Test {
 protected:
  World world_;
};

TEST_F(FirecrackerImpostor, ThatIsNotThereIsNamed) {
  EXPECT_EQ(world_.failure("/nowhere/firecracker").message(),
            "cannot run '/nowhere/firecracker': cannot open '/nowhere/firecracker': No such file or directory");
  EXPECT_FALSE(std::filesystem::is_symlink(world_.path() / "firecracker.sock")) << "something of it is left";
}

TEST_F(FirecrackerImpostor, ThatEndsAtOnceIsQuoted) {
  const std::string script = world_.script("echo 'no such option: --api-sock' >&2\nexit 3\n");
  EXPECT_EQ(world_.failure(script).message(), "Firecracker ended with exit code 3: no such option: --api-sock");
}

TEST_F(FirecrackerImpostor, ThatNeverListensIsGivenUp) {
  const auto vmm = world_.launch(world_.script("exec sleep 1000\n"));
  int calls = 0;
  try {
    vmm->boot(Deadline::after(300ms), [&] { ++calls; });
    FAIL() << "it booted";
  } catch (const TimeoutError& e) {
    EXPECT_EQ(e.message(), "Firecracker did not open its API socket in time");
  }
  EXPECT_GE(calls, 4);
}

TEST_F(FirecrackerImpostor, ThatIsNotTheOneWhoListensIsRefused) {
  const auto vmm = world_.launch(world_.script("exec sleep 1000\n"));
  const Fd run = open_file_at(world_.volume(), "run", O_RDONLY | O_DIRECTORY);
  const Fd listener = listen_unix(run, "firecracker.sock");
  try {
    vmm->boot(Deadline::after(patience), {});
    FAIL() << "it booted";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "the socket 'run/firecracker.sock' is not Firecracker's own");
  }
}

TEST_F(FirecrackerImpostor, WithoutARunDirectoryIsNotStarted) {
  std::filesystem::remove(world_.path() / "run");
  EXPECT_EQ(world_.failure(test::fake_firecracker()).message(), "cannot open 'run': No such file or directory");
  std::filesystem::create_symlink("/tmp", world_.path() / "run");
  EXPECT_EQ(world_.failure(test::fake_firecracker()).message(), "cannot open 'run': Not a directory");
}

// A volume's path may be longer than what a socket's address holds.
TEST_F(FirecrackerImpostor, OrNotALongPathIsNoMatter) {
  std::filesystem::path deep = world_.path();
  for (int i = 0; i < 4; ++i) deep /= std::string(60, static_cast<char>('a' + i));
  std::filesystem::create_directories(deep / "run");
  std::filesystem::copy_file(world_.path() / "kernel", deep / "kernel");
  const Fd volume = open_file(deep, O_RDONLY | O_DIRECTORY);
  Site site;
  site.volume = &volume;
  const auto vmm = driver_named("firecracker").launch(world_.spec, test::fake_firecracker(), site);
  vmm->boot(Deadline::after(patience), {});
  EXPECT_EQ(vmm->query(), "running");
}

// A real one that may not use KVM: the words are those of this host's kernel.
TEST(FirecrackerWithoutKvm, SaysWhatTheHostLacks) {
  MEROS_REQUIRE(test::Need::root, test::Need::real_firecracker);
  struct stat info {};
  if (::stat("/dev/kvm", &info) != 0 || (info.st_mode & 0006) != 0)
    GTEST_SKIP() << "/dev/kvm is open to all, or absent";
  World world;
  world.user = somebody_else;
  const Error error = world.failure(*test::real_firecracker());
  EXPECT_EQ(error.exit_code(), ExitCode::host_lacks);
  EXPECT_NE(error.message().find("Error creating KVM object: Permission denied"), std::string::npos) << error.message();
}

}  // namespace
}  // namespace meros::vmm::firecracker
