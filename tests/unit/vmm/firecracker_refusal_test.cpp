#include "vmm/firecracker/refusal.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"

namespace meros::vmm::firecracker {
namespace {

const Plan::Request start{"PUT", "/actions", R"({"action_type":"InstanceStart"})"};
const Plan::Request nic{"PUT", "/network-interfaces/eth0", R"({"host_dev_name":"tap7","iface_id":"eth0"})"};
const Plan::Request disk{"PUT", "/drives/rootfs", R"({"drive_id":"rootfs","path_on_host":"rootfs.ext4"})"};
const Plan::Request boot{"PUT", "/boot-source", R"({"initrd_path":"initrd","kernel_image_path":"kernel"})"};

Answer fault(const std::string& message) { return {400, Json{{"fault_message", message}}.dump()}; }

struct Told {
  std::string message;
  std::string hint;
  ExitCode code = ExitCode::done;
};

Told told(const Plan::Request& request, const Answer& answer) {
  try {
    check(request, answer);
    return {};
  } catch (const Error& e) {
    return {e.message(), e.hint(), e.exit_code()};
  }
}

TEST(FirecrackerRefusal, LetsASuccessPass) {
  EXPECT_NO_THROW(check(start, {204, ""}));
  EXPECT_NO_THROW(check(start, {200, "{}"}));
}

TEST(FirecrackerRefusal, HasItsOwnWords) {
  const Told t = told(start, fault("Something new."));
  EXPECT_EQ(t.message, "Firecracker refused PUT /actions: Something new.");
  EXPECT_EQ(t.hint, "");
  EXPECT_EQ(t.code, ExitCode::failed);
}

TEST(FirecrackerRefusal, OfKvmSaysWhatTheHostLacks) {
  const Told t =
      told(start, fault("Start microvm error: Kvm error: Error creating KVM object: Permission denied (os "
                        "error 13) Make sure the user launching the firecracker process is \\\nconfigured on "
                        "the /dev/kvm file's ACL."));
  EXPECT_EQ(t.message,
            "Firecracker refused PUT /actions: Start microvm error: Kvm error: Error creating KVM object: Permission "
            "denied (os error 13) Make sure the user launching the firecracker process is configured on the /dev/kvm "
            "file's ACL.");
  EXPECT_EQ(t.hint,
            "the user that it runs as must be able to open /dev/kvm ('meros doctor' tells more); --driver qemu runs "
            "without");
  EXPECT_EQ(t.code, ExitCode::host_lacks);
}

std::string tap_fault(const std::string& why) {
  return "Network config error: Could not create the network device: Open tap device failed: Error while creating "
         "ifreq "
         "structure: " +
         why + ". Invalid TUN/TAP Backend provided by tap7. Check our documentation on setting up the network devices.";
}

TEST(FirecrackerRefusal, OfABusyTapNamesIt) {
  const Told t = told(nic, fault(tap_fault("Device or resource busy (os error 16)")));
  EXPECT_EQ(t.message, "TAP device 'tap7': Firecracker refused PUT /network-interfaces/eth0: " +
                           tap_fault("Device or resource busy (os error 16)"));
  EXPECT_EQ(t.hint,
            "another process has this TAP open: stop the machine that uses it, or give this one another with "
            "--tap");
  EXPECT_EQ(t.code, ExitCode::busy);
}

TEST(FirecrackerRefusal, OfATapOfAnotherUserSaysSo) {
  const Told t = told(nic, fault(tap_fault("Operation not permitted (os error 1)")));
  EXPECT_EQ(t.hint, "this TAP belongs to another user: remove it, or give the machine another with --tap");
  EXPECT_EQ(t.code, ExitCode::busy);
}

TEST(FirecrackerRefusal, OfSomethingElseThanATapIsInvalid) {
  EXPECT_EQ(told(nic, fault(tap_fault("Invalid argument (os error 22)"))).code, ExitCode::invalid);
}

TEST(FirecrackerRefusal, OfAMissingFileNamesIt) {
  const Told t = told(boot, fault("Boot source error: The kernel file cannot be opened: No such file or directory (os "
                                  "error 2)"));
  EXPECT_EQ(t.message,
            "kernel 'kernel': Firecracker refused PUT /boot-source: Boot source error: The kernel file cannot be "
            "opened: No such file or directory (os error 2)");
  EXPECT_EQ(t.code, ExitCode::not_found);

  const Told i = told(boot, fault("Boot source error: The initrd file cannot be opened due to invalid path or invalid "
                                  "permissions. No such file or directory (os error 2)"));
  EXPECT_EQ(i.message.substr(0, 16), "initrd 'initrd':");
  EXPECT_EQ(i.code, ExitCode::not_found);

  const Told d = told(disk, fault("Drive config error: Unable to create the virtio block device: Virtio backend error: "
                                  "Error manipulating the backing file: No such file or directory (os error 2) "
                                  "rootfs.ext4"));
  EXPECT_EQ(d.message.substr(0, 19), "disk 'rootfs.ext4':");
  EXPECT_EQ(d.code, ExitCode::not_found);
}

TEST(FirecrackerRefusal, BelowTheApiIsNoJson) {
  const Told t = told(start, {400,
                              "{ \"error\": \"Invalid HTTP Method.\nAll previous unanswered requests will be "
                              "dropped.\" }"});
  EXPECT_EQ(t.message,
            "Firecracker refused PUT /actions: { \"error\": \"Invalid HTTP Method. All previous unanswered requests "
            "will be dropped.\" }");
  EXPECT_EQ(told(start, {503, ""}).message, "Firecracker refused PUT /actions: HTTP status 503");
  EXPECT_EQ(told(start, {400, R"({"fault_message":5})"}).message,
            R"(Firecracker refused PUT /actions: {"fault_message":5})");
}

TEST(FirecrackerRefusal, IsShortAndDrivesNoTerminal) {
  const Told t = told(start, fault("red \x1b[31m alert\x07\r\n" + std::string(5000, 'x')));
  EXPECT_EQ(t.message.find_first_of("\x1b\x07\r\n"), std::string::npos);
  EXPECT_LT(t.message.size(), 1100U);
}

TEST(FirecrackerLastWords, AreErrorsAndWhatBypassedTheLog) {
  EXPECT_EQ(last_words("2026-11-25T03:58:35.347530863 [web:main:INFO] Running Firecracker v1.17.0\n"
                       "2026-11-25T03:58:35.347530863 [web:fc_vcpu 0:WARN] odd\n"
                       "2026-11-25T03:58:35.347530863 [web:main:ERROR] RunWithApiError error: no socket\n"
                       "Error: RunWithApi(NoSocket)\n"
                       "2026-11-25T03:58:35.347530863 [web:main:ERROR] Firecracker exiting with error. exit_code=1\n"),
            "RunWithApiError error: no socket; Error: RunWithApi(NoSocket)");
}

TEST(FirecrackerLastWords, AreFewAndClean) {
  EXPECT_EQ(last_words(""), "");
  EXPECT_EQ(last_words("\n\n"), "");
  EXPECT_EQ(last_words("1\n2\n3\n4\x1b[1m\n5\n"), "3; 4[1m; 5");
  EXPECT_EQ(last_words("2026 [ ] \n] [\n"), "] [");
}

std::string ending(const ExitStatus& status, std::string_view words) {
  try {
    throw_ending(status, words);
  } catch (const Error& e) {
    return e.message();
  }
}

TEST(FirecrackerEnding, SaysHowAndWhy) {
  EXPECT_EQ(ending({1, 0}, "no socket"), "Firecracker ended with exit code 1: no socket");
  EXPECT_EQ(ending({0, 0}, ""), "Firecracker ended with exit code 0");
  EXPECT_EQ(ending({0, 9}, ""), "Firecracker ended with signal 9 (Killed)");
  EXPECT_EQ(ending({148, 0}, ""),
            "Firecracker ended with exit code 148, after a system call that its seccomp filter forbids");
  EXPECT_EQ(ending({153, 0}, "Error: ParseArguments(UnexpectedArgument(\"show-level\"))"),
            "Firecracker ended with exit code 153, for it did not take its command line: Error: "
            "ParseArguments(UnexpectedArgument(\"show-level\"))");
}

}  // namespace
}  // namespace meros::vmm::firecracker
