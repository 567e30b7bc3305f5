#include <gmock/gmock.h>

#include <csignal>

#include "vmm/qemu/last_words.h"

namespace meros::vmm::qemu {
namespace {

constexpr ExitStatus failed{1, 0};

Plan some_plan() {
  Plan plan;
  plan.argv = {"/usr/bin/qemu-system-x86_64"};
  plan.descriptors = {{PlannedDescriptor::Kind::console, 3, "", 0},
                      {PlannedDescriptor::Kind::file, 6, "root.qcow2", 0},
                      {PlannedDescriptor::Kind::file, 66, "data.img", 0}};
  return plan;
}

// "<exit code>: message | hint"
std::string ending(const std::string& log, ExitStatus status = failed) {
  try {
    throw_ending(status, log, some_plan());
  } catch (const Error& e) {
    return std::to_string(static_cast<int>(e.exit_code())) + ": " + e.message() + " | " + e.hint();
  }
}

TEST(QemuLastWords, TellHowItEndedWhereItSaidNothing) {
  EXPECT_EQ(ending(""), "1: qemu ended with exit code 1 | ");
  EXPECT_EQ(ending("\r\n\n", {0, SIGKILL}), "1: qemu ended with signal 9 (Killed) | ");
}

TEST(QemuLastWords, LeaveOutTheProgramsNameAndMereWarnings) {
  EXPECT_EQ(ending("qemu-system-x86_64: warning: host doesn't support requested feature\n"
                   "qemu-system-x86_64: -device nosuch: it is not there\n"),
            "1: qemu ended with exit code 1: -device nosuch: it is not there | ");
  EXPECT_EQ(ending("qemu-system-x86_64: warning: something\n"),
            "1: qemu ended with exit code 1: warning: something | ");
}

TEST(QemuLastWords, NameFilesByTheirPaths) {
  EXPECT_EQ(ending("qemu-system-x86_64: Could not open '/dev/fdset/6', nor /dev/fdset/66 and /dev/fdset/7\n"),
            "1: qemu ended with exit code 1: Could not open 'root.qcow2', nor data.img and /dev/fdset/7 | ");
}

TEST(QemuLastWords, KeepOnlyTheLastLinesAndNothingThatDrivesATerminal) {
  EXPECT_EQ(ending("1\n2\n3\n4\n5\n6\n\x1b[31m7\xff\n"), "1: qemu ended with exit code 1: 3; 4; 5; 6; [31m7? | ");
  EXPECT_EQ(last_words(std::string(100'000, 'x'), some_plan()).size(), 1000u);
}

TEST(QemuLastWords, SayWhatToDoAboutAKvmThatIsNotThere) {
  EXPECT_EQ(
      ending("Could not access KVM kernel module: Permission denied\n"
             "qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied\n"),
      "6: qemu ended with exit code 1: Could not access KVM kernel module: Permission denied; -accel kvm: failed to "
      "initialize kvm: Permission denied | use accel tcg, or let the machine's user open /dev/kvm; `meros doctor` "
      "tells more");
}

TEST(QemuLastWords, SayThatADiskIsInUse) {
  EXPECT_EQ(
      ending("qemu-system-x86_64: -device virtio-blk-pci,drive=disk0: Failed to get \"write\" lock\n"
             "Is another process using the image [/dev/fdset/6]?\n"),
      "5: qemu ended with exit code 1: -device virtio-blk-pci,drive=disk0: Failed to get \"write\" lock; Is another "
      "process using the image [root.qcow2]? | stop the machine that has it");
}

TEST(QemuLastWords, SayThatAPortIsInUse) {
  EXPECT_EQ(ending("qemu-system-x86_64: -chardev x: Failed to find an available port: Address already in use\n"),
            "5: qemu ended with exit code 1: -chardev x: Failed to find an available port: Address already in use | ");
}

TEST(QemuLastWords, SayWhatKernelsItBoots) {
  EXPECT_EQ(ending("qemu-system-x86_64: Error loading uncompressed kernel without PVH ELF Note\n"),
            "3: qemu ended with exit code 1: Error loading uncompressed kernel without PVH ELF Note | use a bzImage "
            "(vmlinuz), or a vmlinux built with CONFIG_PVH");
}

TEST(QemuLastWords, SayThatThereIsTooLittleMemory) {
  EXPECT_EQ(ending("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"),
            "6: qemu ended with exit code 1: cannot set up guest memory 'pc.ram': Cannot allocate memory | give the "
            "machine less memory");
}

TEST(QemuLastWords, SayThatTheSandboxStruck) {
  EXPECT_EQ(
      ending("", {0, SIGSYS}),
      "1: qemu ended with signal 31 (Bad system call) | its sandbox forbade a system call: qemu_args: [\"-sandbox\", "
      "\"off\"] lifts it");
}

}  // namespace
}  // namespace meros::vmm::qemu
