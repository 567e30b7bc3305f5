// The driver on the real QEMU, with guests of a few hundred bytes (tests/guests).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/unix_socket.h"
#include "vmm/host.h"
#include "vmm/qemu/driver.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path guests = fs::path(MEROS_BINARY_DIR) / "tests" / "guests";

Deadline soon() { return Deadline::after(30s); }

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.exit_code())) + ": " + e.message();
  }
  return "no error";
}

// What the guest says until `text` is among it, or until its line ends or time is over.
std::string read_until(const Vmm& vmm, std::string_view text) {
  std::string said;
  std::array<char, 4096> buffer{};
  for (const Deadline deadline = soon(); said.find(text) == std::string::npos;) {
    if (wait_for(vmm.console(), POLLIN, deadline.poll_timeout()) == 0) break;
    const ssize_t n = ::read(vmm.console().get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return said;
}

bool has_events(const Vmm& vmm) {
  pollfd one{vmm.event_descriptor(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

// How the process ended, and the events until then as "<kind> <detail>".
struct End {
  std::string how;
  std::vector<std::string> events;
};
End end_of(Vmm& vmm) {
  End end{"it did not end", {}};
  const auto take = [&] {
    for (const auto& event : vmm.take_events())
      end.events.push_back(std::to_string(static_cast<int>(event.kind)) + " " + event.detail);
  };
  for (const Deadline deadline = soon(); !deadline.passed();) {
    std::array<pollfd, 2> either = {{{vmm.event_descriptor(), POLLIN, 0}, {vmm.process().pidfd().get(), POLLIN, 0}}};
    ::poll(either.data(), either.size(), deadline.poll_timeout());
    if (either[0].revents != 0) take();
    if (either[1].revents == 0) continue;
    take();
    end.how = vmm.process().wait().describe();
    break;
  }
  return end;
}

std::string event(GuestEvent::Kind kind, const std::string& detail) {
  return std::to_string(static_cast<int>(kind)) + " " + detail;
}

class QemuReal : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_program("qemu-system-x86_64")) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    if (!fs::exists(guests / "halt.elf")) GTEST_SKIP() << "the guests are not built (target tiny_guest)";
    for (const char* guest : {"halt.elf", "crash.elf"}) fs::copy_file(guests / guest, volume_path() / guest);
    volume_ = open_file(volume_path(), O_PATH | O_DIRECTORY);
    site_.volume = &volume_;
  }

  fs::path volume_path() const { return directory_.path(); }

  Spec small(const std::string& kernel = "halt.elf") const {
    Spec spec;
    spec.name = "tiny";
    spec.memory_mib = 16;
    spec.kernel = kernel;
    spec.kernel_has_virtio_mmio_cmdline = true;
    return spec;
  }

  std::unique_ptr<Vmm> launch(const Spec& spec) const {
    return driver().launch(spec, driver().default_binary(spec.arch), site_);
  }
  std::unique_ptr<Vmm> boot(const Spec& spec) const {
    auto vmm = launch(spec);
    vmm->boot(soon(), [] {});
    return vmm;
  }
  std::string refusal(const Spec& spec) const {
    return error_of([&] { boot(spec); });
  }

  void make_file(const std::string& name, std::size_t size = 1 << 20) const {
    std::ofstream(volume_path() / name);
    fs::resize_file(volume_path() / name, size);
  }

  TemporaryDirectory directory_;
  Fd volume_;
  Site site_;
};

// The same with each accelerator.
class QemuRealLife : public QemuReal, public testing::WithParamInterface<Accel> {
 protected:
  void SetUp() override {
    if (GetParam() == Accel::kvm) {
      const auto kvm = probe_kvm();
      if (host_arch() != Arch::x86_64) GTEST_SKIP() << "the guests are x86_64";
      if (!kvm.opens) GTEST_SKIP() << kvm.why;
    }
    QemuReal::SetUp();
  }
  Spec spec() const {
    Spec spec = small();
    spec.accel = GetParam();
    return spec;
  }
};

TEST_P(QemuRealLife, BootsAGuestAndStopsItOnRequest) {
  const auto vmm = boot(spec());
  EXPECT_EQ(vmm->query(), "running");
  EXPECT_EQ(read_until(*vmm, "\n"), "meros tiny guest ready\n");
  EXPECT_TRUE(vmm->take_events().empty()) << "that it was let go is no event of the guest's";
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  EXPECT_EQ(read_until(*vmm, "\n"), "meros tiny guest stops\n");
  const End end = end_of(*vmm);
  EXPECT_EQ(end.how, "exit code 0");
  EXPECT_THAT(end.events, testing::ElementsAre(event(GuestEvent::Kind::reset, "guest-reset")));
}

TEST_P(QemuRealLife, BringsTheGuestWhatIsTyped) {
  const auto vmm = boot(spec());
  read_until(*vmm, "ready\n");
  write_all(vmm->console(), "echo this\n");
  EXPECT_EQ(read_until(*vmm, "\n"), "echo this\n");
}

TEST_P(QemuRealLife, PausesAndResumes) {
  const auto vmm = boot(spec());
  read_until(*vmm, "ready\n");
  vmm->pause();
  EXPECT_EQ(vmm->query(), "paused");
  write_all(vmm->console(), "x");
  EXPECT_EQ(wait_for(vmm->console(), POLLIN, 100), 0) << "a paused guest answered";
  ASSERT_TRUE(has_events(*vmm));
  const auto paused = vmm->take_events();
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_EQ(paused[0].kind, GuestEvent::Kind::paused);
  EXPECT_FALSE(has_events(*vmm)) << "it is readable with nothing to take";
  vmm->resume();
  EXPECT_EQ(vmm->query(), "running");
  EXPECT_EQ(read_until(*vmm, "x"), "x");
  const auto resumed = vmm->take_events();
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_EQ(resumed[0].kind, GuestEvent::Kind::resumed);
}

INSTANTIATE_TEST_SUITE_P(Accel, QemuRealLife, testing::Values(Accel::tcg, Accel::kvm),
                         [](const auto& one) { return std::string(to_string(one.param)); });

// Again and again, for QEMU can hang in its end where a command comes just then.
TEST_F(QemuReal, AGuestThatEndsAtOnceHasBootedAndEndsQemu) {
  for (int i = 0; i < 20; ++i) {
    const auto vmm = boot(small("crash.elf"));
    EXPECT_EQ(read_until(*vmm, "\n"), "meros tiny guest ready\n");
    const End end = end_of(*vmm);
    EXPECT_EQ(end.how, "exit code 0");
    EXPECT_THAT(end.events, testing::ElementsAre(event(GuestEvent::Kind::reset, "guest-reset")));
    EXPECT_FALSE(has_events(*vmm)) << "a monitor at its end keeps its reader awake";
  }
}

TEST_F(QemuReal, SaysThatAGuestHasEndedUntilItsEndIsTaken) {
  const auto vmm = boot(small());
  read_until(*vmm, "ready\n");
  vmm->ask_to_stop();
  read_until(*vmm, "stops\n");
  EXPECT_FALSE(vmm->process().wait_until(Deadline::after(50ms))) << "QEMU ended without being told";
  vmm->take_events();
  EXPECT_EQ(vmm->query(), "shutdown");
  EXPECT_EQ(vmm->ask_to_stop(), StopRequest::ctrl_alt_del);
  EXPECT_EQ(error_of([&] { vmm->resume(); }), "1: the guest has ended");
  EXPECT_EQ(end_of(*vmm).how, "exit code 0");
}

TEST_F(QemuReal, TellsThatItWasSignalled) {
  const auto vmm = boot(small());
  vmm->process().kill(SIGTERM);
  EXPECT_THAT(end_of(*vmm).events, Contains(event(GuestEvent::Kind::shutdown, "host-signal")));
}

TEST_F(QemuReal, ACommandToOneThatWasKilledSaysHowItEnded) {
  const auto vmm = boot(small());
  vmm->process().kill(SIGKILL);
  EXPECT_EQ(error_of([&] { vmm->pause(); }), "1: qemu ended with signal 9 (Killed)");
  EXPECT_EQ(error_of([&] { vmm->pause(); }), "1: qemu has ended");
}

TEST_F(QemuReal, SaysInQemusWordsWhyAKernelIsNone) {
  fs::copy_file(*find_program("true"), volume_path() / "vmlinux");
  EXPECT_EQ(refusal(small("vmlinux")),
            "3: qemu ended with exit code 1: Error loading uncompressed kernel without PVH ELF Note");
  // The words stay in the log for the one who keeps it.
  auto vmm = launch(small("vmlinux"));
  EXPECT_THROW(vmm->boot(soon(), [] {}), InvalidError);
  set_nonblocking(vmm->log());
  EXPECT_THAT(read_all(vmm->log()), HasSubstr("qemu-system-x86_64: Error loading uncompressed kernel"));
}

TEST_F(QemuReal, RefusesAKernelThatQemuWouldRunThoughItIsNone) {
  make_file("vmlinux", 4096);
  EXPECT_EQ(refusal(small("vmlinux")), "3: 'vmlinux' is not a kernel for x86_64");
}

TEST_F(QemuReal, NamesTheFileThatIsMissingAndLeavesNoSocketBehind) {
  EXPECT_EQ(refusal(small("nothing")), "4: cannot open 'nothing': No such file or directory");
  Spec spec = small();
  spec.disks = {{"gone.ext4", DiskFormat::raw, false, "", {}, {}}};
  EXPECT_EQ(refusal(spec), "4: cannot open 'gone.ext4': No such file or directory");
  EXPECT_FALSE(fs::exists(volume_path() / "qmp.sock"));
}

TEST_F(QemuReal, RefusesADiskThatIsNoFile) {
  ASSERT_EQ(::mkfifo((volume_path() / "pipe").c_str(), 0600), 0);
  Spec spec = small();
  spec.disks = {{"pipe", DiskFormat::raw, true, "", {}, {}}};
  EXPECT_EQ(refusal(spec), "3: 'pipe' is neither a file nor a block device");
}

TEST_F(QemuReal, ABinaryThatIsNotThereLeavesNoSocketBehind) {
  EXPECT_THAT(error_of([&] { driver().launch(small(), "/nowhere/qemu", site_); }),
              HasSubstr("cannot run '/nowhere/qemu'"));
  EXPECT_FALSE(fs::exists(volume_path() / "qmp.sock"));
}

TEST_F(QemuReal, ADiskHasOneWriterAtATime) {
  make_file("data.img");
  Spec spec = small();
  spec.disks = {{"data.img", DiskFormat::raw, false, "", {}, {}}};
  auto first = boot(spec);
  EXPECT_EQ(
      refusal(spec),
      "5: qemu ended with exit code 1: -device virtio-blk-device,bus=virtio-mmio-bus.6,drive=disk0: Failed to get "
      "\"write\" lock; Is another process using the image [data.img]?");
  first.reset();
  EXPECT_EQ(refusal(spec), "no error");
}

TEST_F(QemuReal, ReadersShareADisk) {
  make_file("base.img");
  Spec spec = small();
  spec.disks = {{"base.img", DiskFormat::raw, true, "", {}, {}}};
  const auto first = boot(spec);
  EXPECT_EQ(refusal(spec), "no error");
}

TEST_F(QemuReal, OpensDisksThatItsOwnUserCannotReach) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give the VMM a user of its own";
  const auto qemu_img = find_program("qemu-img");
  if (!qemu_img) GTEST_SKIP() << "qemu-img is not installed";
  const fs::path cache = volume_path() / "cache";
  fs::create_directory(cache);
  make_file("cache/base.img");
  make_file("data.img");
  Command convert;
  convert.argv = {*qemu_img, "convert", "-O", "qcow2", cache / "base.img", cache / "base.qcow2"};
  ASSERT_TRUE(run(convert).status.success());
  for (const char* format : {"raw", "qcow2"}) {
    const fs::path base = cache / (std::string(format) == "raw" ? "base.img" : "base.qcow2");
    Command create;
    create.argv = {*qemu_img, "create", "-q", "-f",   "qcow2",
                   "-b",      base,     "-F", format, volume_path() / ("over-" + std::string(format))};
    ASSERT_TRUE(run(create).status.success());
    fs::permissions(base, fs::perms::owner_read);
  }
  fs::permissions(cache, fs::perms::owner_all);
  for (const char* disk : {"over-raw", "over-qcow2", "data.img"})
    fs::permissions(volume_path() / disk, fs::perms::owner_read | fs::perms::owner_write);
  // The volume itself lies below a directory that is closed to others; it alone is open to the VMM's user.
  const fs::path open_volume = volume_path() / "volume";
  fs::create_directory(open_volume);
  fs::permissions(open_volume, fs::perms(0755));
  fs::copy_file(guests / "halt.elf", open_volume / "halt.elf");
  fs::permissions(volume_path(), fs::perms::owner_all);
  const Fd volume = open_file(open_volume, O_PATH | O_DIRECTORY);
  site_.volume = &volume;
  site_.user = Command::Credentials{65534, 65534, {}};

  Spec spec = small();
  const std::string above = volume_path();
  spec.disks = {{above + "/over-raw", DiskFormat::qcow2, false, "", above + "/cache/base.img", DiskFormat::raw},
                {above + "/over-qcow2", DiskFormat::qcow2, false, "", above + "/cache/base.qcow2", DiskFormat::qcow2},
                {"../data.img", DiskFormat::raw, false, "", {}, {}},
                {"../cache/base.img", DiskFormat::raw, true, "", {}, {}}};
  const auto vmm = boot(spec);
  EXPECT_EQ(read_until(*vmm, "\n"), "meros tiny guest ready\n");
  const auto process = "/proc/" + std::to_string(vmm->process().pid());
  EXPECT_THAT(read_file(process + "/status"), HasSubstr("Uid:\t65534\t65534\t65534\t65534"));
  EXPECT_THAT(read_file(process + "/status"), HasSubstr("NoNewPrivs:\t1"));
}

TEST_F(QemuReal, GivesUpAStartThatNobodyWantsAnyMore) {
  struct Unwanted {};
  auto vmm = launch(small());
  const std::string process = "/proc/" + std::to_string(vmm->process().pid());
  EXPECT_THROW(vmm->boot(soon(), [] { throw Unwanted(); }), Unwanted);
  vmm.reset();
  EXPECT_FALSE(fs::exists(process)) << "it is left running";
}

TEST_F(QemuReal, TimesOutWhereQemuDoesNotAnswer) {
  const auto vmm = launch(small());
  vmm->process().kill(SIGSTOP);
  EXPECT_THROW(vmm->boot(Deadline::after(100ms), [] {}), TimeoutError);
}

TEST_F(QemuReal, SaysWhatIsWrongWithAUsersOwnArguments) {
  Spec spec = small();
  spec.extra_args = {"-device", "nosuch"};
  EXPECT_EQ(refusal(spec), "6: qemu ended with exit code 1: -device nosuch: 'nosuch' is not a valid device model name");
}

TEST_F(QemuReal, HasAMonitorForPeople) {
  const auto vmm = boot(small());
  const auto people = connect_unix(volume_, "qmp.sock");
  ASSERT_TRUE(people);
  std::array<char, 1024> buffer{};
  ASSERT_NE(wait_for(*people, POLLIN, 10'000), 0);
  const ssize_t n = ::read(people->get(), buffer.data(), buffer.size());
  ASSERT_GT(n, 0);
  EXPECT_THAT(std::string(buffer.data(), static_cast<std::size_t>(n)), testing::StartsWith(R"({"QMP": {"version")"));
}

TEST_F(QemuReal, HoldsItsLockUntilItHasEnded) {
  const std::string path = volume_path() / "vmm.lock";
  Fd lock = open_file(path, O_RDWR | O_CREAT);
  ASSERT_TRUE(try_inherited_lock(lock));
  site_.vmm_lock = &lock;
  auto vmm = boot(small());
  lock.reset();
  EXPECT_TRUE(lock_owner(path)) << "the lock went with our descriptor";
  vmm.reset();
  EXPECT_FALSE(lock_owner(path));
}

TEST_F(QemuReal, GetsNothingOfOurEnvironmentAndNoDescriptorBeyondThePlan) {
  ::setenv("MEROS_TEST_SECRET", "1", 1);
  const Fd ours = open_file("/dev/null", O_RDONLY);
  const int inheritable = ::fcntl(ours.get(), F_DUPFD, 100);
  const auto vmm = boot(small());
  ::close(inheritable);
  ::unsetenv("MEROS_TEST_SECRET");
  const std::string process = "/proc/" + std::to_string(vmm->process().pid());
  EXPECT_THAT(read_file(process + "/environ"), testing::Not(HasSubstr("MEROS_TEST_SECRET")));
  for (const auto& fd : fs::directory_iterator(process + "/fd")) EXPECT_LT(std::stoi(fd.path().filename()), 100);
}

// Every shape of command line that is made, taken by the real program.
TEST_F(QemuReal, TakesEveryCommandLine) {
  fs::create_directory(volume_path() / "run");
  for (int i = 0; i < 7; ++i) make_file("disk" + std::to_string(i));
  make_file("cd.iso");
  const auto with = [&](auto change) {
    Spec spec = small();
    change(spec);
    return refusal(spec);
  };
  const auto add_disks = [](Spec& s, int count) {
    for (int i = 0; i < count; ++i)
      s.disks.push_back({"disk" + std::to_string(i), DiskFormat::raw, false, "s-" + std::to_string(i), {}, {}});
  };
  EXPECT_EQ(with([&](Spec& s) {
              s.vcpus = 2;
              add_disks(s, 5);
            }),
            "no error");
  EXPECT_EQ(with([&](Spec& s) { add_disks(s, 7); }), "no error");
  EXPECT_EQ(with([&](Spec& s) {
              s.kernel_has_virtio_mmio_cmdline = false;
              add_disks(s, 7);
            }),
            "no error");
  EXPECT_EQ(with([&](Spec& s) { s.cdroms.assign(6, "cd.iso"); }), "no error");
  EXPECT_EQ(with([&](Spec& s) {
              s.kernel.reset();
              s.firmware = Firmware::bios;
              add_disks(s, 2);
              s.cdroms = {"cd.iso"};
            }),
            "no error");
  EXPECT_EQ(with([&](Spec& s) {
              s.kernel.reset();
              s.firmware = Firmware::bios;
              s.display = true;
            }),
            "no error");
  EXPECT_EQ(with([&](Spec& s) { s.extra_args = {"-machine", "pc", "-cpu", "qemu64", "-m", "32", "-smp", "2"}; }),
            "no error");
  EXPECT_EQ(with([&](Spec& s) { s.extra_args = {"-M", "q35,accel=tcg", "-sandbox", "off"}; }), "no error");
}

TEST_F(QemuReal, TakesEveryCommandLineOfAarch64) {
  if (!find_program("qemu-system-aarch64")) GTEST_SKIP() << "qemu-system-aarch64 is not installed";
  fs::create_directory(volume_path() / "run");
  make_file("disk");
  make_file("cd.iso");
  // An Image that does nothing: the magic is all that QEMU looks at.
  std::ofstream(volume_path() / "Image") << std::string(0x38, '\0') << "ARM\x64" << std::string(4096, '\0');
  Spec spec = small("Image");
  spec.arch = Arch::aarch64;
  spec.vcpus = 2;
  spec.memory_mib = 64;
  spec.disks = {{"disk", DiskFormat::raw, false, "data", {}, {}}};
  spec.cdroms = {"cd.iso", "cd.iso"};
  EXPECT_EQ(refusal(spec), "no error");
  spec.display = true;
  EXPECT_EQ(refusal(spec), "no error");
}

}  // namespace
}  // namespace meros::vmm::qemu
