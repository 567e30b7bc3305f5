#include "vmm/firecracker/config.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "firecracker_world.h"
#include "vmm/firecracker/driver.h"

namespace meros::vmm::firecracker {
namespace {

Spec small() {
  Spec spec;
  spec.name = "web";
  spec.arch = host_arch();
  spec.accel = Accel::kvm;
  spec.vcpus = 2;
  spec.memory_mib = 256;
  spec.kernel = "kernel";
  spec.kernel_args = "console=ttyS0 reboot=k";
  return spec;
}

Spec whole() {
  Spec spec = small();
  spec.name = "Web_1";
  spec.initrd = "initrd";
  spec.disks = {raw_disk("rootfs.ext4"), raw_disk("/srv/data.img")};
  spec.disks[0].read_only = true;
  spec.nics = {{"mrs-web-tap0", "02:00:00:00:00:0A"}, {"tap1", "02:00:00:00:00:0b"}};
  return spec;
}

// "PUT /path body", one a line.
std::string told(const Plan& plan) {
  std::string all;
  for (const auto& request : plan.requests) all += request.method + " " + request.path + " " + request.body + "\n";
  return all;
}

TEST(FirecrackerPlan, TellsAKernelAndItsSizes) {
  EXPECT_EQ(told(driver().plan(small(), "firecracker")),
            R"(PUT /machine-config {"mem_size_mib":256,"vcpu_count":2}
PUT /boot-source {"boot_args":"console=ttyS0 reboot=k","kernel_image_path":"kernel"}
PUT /actions {"action_type":"InstanceStart"}
)");
}

TEST(FirecrackerPlan, TellsEveryDeviceBeforeTheStart) {
  EXPECT_EQ(told(driver().plan(whole(), "firecracker")),
            R"(PUT /machine-config {"mem_size_mib":256,"vcpu_count":2}
PUT /boot-source {"boot_args":"console=ttyS0 reboot=k","initrd_path":"initrd","kernel_image_path":"kernel"}
PUT /drives/rootfs {"drive_id":"rootfs","is_read_only":true,"is_root_device":true,"path_on_host":"rootfs.ext4"}
PUT /drives/disk1 {"cache_type":"Writeback","drive_id":"disk1","is_read_only":false,"is_root_device":false,"path_on_host":"/srv/data.img"}
PUT /network-interfaces/eth0 {"guest_mac":"02:00:00:00:00:0a","host_dev_name":"mrs-web-tap0","iface_id":"eth0"}
PUT /network-interfaces/eth1 {"guest_mac":"02:00:00:00:00:0b","host_dev_name":"tap1","iface_id":"eth1"}
PUT /actions {"action_type":"InstanceStart"}
)");
}

TEST(FirecrackerPlan, KeepsTheLogOffTheGuestsLines) {
  const Plan plan = driver().plan(whole(), "/opt/fc/firecracker");
  EXPECT_EQ(plan.argv, (std::vector<std::string>{"/opt/fc/firecracker", "--api-sock", "run/firecracker.sock", "--id",
                                                 "web-1", "--log-path", "/proc/self/fd/2", "--show-level"}));
  ASSERT_EQ(plan.descriptors.size(), 2U);
  EXPECT_EQ(plan.descriptors[0].kind, PlannedDescriptor::Kind::console);
  EXPECT_EQ(plan.descriptors[0].target, 0);
  EXPECT_EQ(plan.descriptors[1].target, 1);
}

TEST(FirecrackerPlan, EscapesWhatATextHolds) {
  Spec spec = small();
  spec.kernel_args = R"(a="b\c" é)";
  const Plan plan = driver().plan(spec, "firecracker");
  EXPECT_EQ(plan.requests.at(1).body, R"({"boot_args":"a=\"b\\c\" é","kernel_image_path":"kernel"})");
}

TEST(FirecrackerValidate, TakesWhatItCanRun) {
  EXPECT_NO_THROW(driver().validate(small()));
  EXPECT_NO_THROW(driver().validate(whole()));
  Spec spec = small();
  spec.vcpus = 3;
  EXPECT_NO_THROW(driver().validate(spec));
  spec.vcpus = max_vcpus;
  spec.memory_mib = max_memory_mib;
  EXPECT_NO_THROW(driver().validate(spec));
}

struct Refusal {
  std::string what;
  std::function<void(Spec&)> change;
  std::string message;
  std::string hint = {};
};

void PrintTo(const Refusal& refusal, std::ostream* stream) { *stream << refusal.what; }

class FirecrackerRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(FirecrackerRefuses, What) {
  Spec spec = whole();
  GetParam().change(spec);
  try {
    driver().validate(spec);
    FAIL() << "taken";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), GetParam().message);
    EXPECT_EQ(e.hint(), GetParam().hint);
  }
}

const auto of_other_arch = [](Spec& s) { s.arch = host_arch() == Arch::x86_64 ? Arch::aarch64 : Arch::x86_64; };
const std::string other_arch = host_arch() == Arch::x86_64 ? "aarch64" : "x86_64";

INSTANTIATE_TEST_SUITE_P(
    FirecrackerValidate, FirecrackerRefuses,
    testing::Values(
        Refusal{"a foreign architecture", of_other_arch,
                "Firecracker runs guests of the host's architecture only, which is " +
                    std::string(to_string(host_arch())) + ", not " + other_arch,
                "use --driver qemu"},
        Refusal{"tcg", [](Spec& s) { s.accel = Accel::tcg; }, "Firecracker needs KVM, and accel is tcg",
                "use --accel kvm, or --driver qemu, which runs without KVM"},
        Refusal{"no CPU", [](Spec& s) { s.vcpus = 0; }, "0 CPUs: Firecracker takes 1 to 32"},
        Refusal{"too many CPUs", [](Spec& s) { s.vcpus = 33; }, "33 CPUs: Firecracker takes 1 to 32"},
        Refusal{"no memory", [](Spec& s) { s.memory_mib = 0; }, "0 MiB of memory: Firecracker takes 1 to 1046528 MiB"},
        Refusal{"too much memory", [](Spec& s) { s.memory_mib = std::uint64_t{1} << 44; },
                "17592186044416 MiB of memory: Firecracker takes 1 to 1046528 MiB"},
        Refusal{"no kernel", [](Spec& s) { s.kernel.reset(); },
                "machine 'Web_1' has no kernel, and Firecracker boots nothing else",
                "give it one with --kernel, or use --driver qemu"},
        Refusal{"firmware", [](Spec& s) { s.firmware = Firmware::bios; },
                "Firecracker has no firmware: it boots a kernel, not a disk", "use --driver qemu"},
        Refusal{"a CD-ROM", [](Spec& s) { s.cdroms = {"a.iso"}; }, "Firecracker has no CD-ROM drive",
                "use --driver qemu"},
        Refusal{"a display", [](Spec& s) { s.display = true; }, "Firecracker has no display", "use --driver qemu"},
        Refusal{"QEMU's arguments", [](Spec& s) { s.extra_args = {"-s"}; },
                "Firecracker takes no arguments for its devices (qemu_args)", "use --driver qemu"},
        Refusal{"qcow2", [](Spec& s) { s.disks[1].format = DiskFormat::qcow2; },
                "disk '/srv/data.img' is qcow2, and Firecracker reads raw images only",
                "convert it with qemu-img, or use --driver qemu"},
        Refusal{"too many devices", [](Spec& s) { s.disks.resize(16, s.disks[1]); },
                "18 disks and network interfaces: Firecracker takes 17 together", "use --driver qemu"},
        Refusal{"an empty disk path", [](Spec& s) { s.disks[0].path = ""; }, "the path of the disk is empty"},
        Refusal{"a long path", [](Spec& s) { s.kernel = std::string(4096, 'x'); },
                "the path of the kernel is longer than 4095 bytes"},
        Refusal{"a path that is no UTF-8", [](Spec& s) { s.initrd = "\xff"; },
                "the path of the initrd is not valid UTF-8"},
        Refusal{"a line end in a path", [](Spec& s) { s.disks[0].path = "a\nb"; },
                "the path of the disk has a control character in it"},
        Refusal{"a zero byte in the kernel arguments", [](Spec& s) { s.kernel_args = std::string("a\0b", 3); },
                "the kernel command line has a control character in it"},
        Refusal{"a long TAP name", [](Spec& s) { s.nics[0].tap = "sixteen-bytes-xx"; },
                "the TAP name 'sixteen-bytes-xx' has 16 bytes: 1 to 15 are allowed"},
        Refusal{"no TAP name", [](Spec& s) { s.nics[0].tap = ""; }, "the TAP name '' has 0 bytes: 1 to 15 are allowed"},
        Refusal{"one TAP twice", [](Spec& s) { s.nics[1].tap = s.nics[0].tap; },
                "TAP device 'mrs-web-tap0' is named twice"},
        Refusal{"one MAC twice", [](Spec& s) { s.nics[1].mac = "02:00:00:00:00:0a"; },
                "MAC address 02:00:00:00:00:0a is given twice"}));

TEST(FirecrackerValidate, RefusesABadName) {
  Spec spec = small();
  spec.name = "a b";
  EXPECT_THROW(driver().validate(spec), InvalidError);
}

TEST(FirecrackerValidate, RefusesABadMac) {
  Spec spec = whole();
  spec.nics[0].mac = "02:00:00:00:00:0g";
  EXPECT_THROW(driver().validate(spec), InvalidError);
}

// Longer ones Firecracker refuses at the start, for it appends what its devices need: 60 bytes for a root device on
// x86_64, 95 for a second one with it, 379 for ten.
TEST(FirecrackerValidate, LeavesRoomOnTheKernelCommandLine) {
  if (host_arch() != Arch::x86_64) GTEST_SKIP() << "devices are on the command line on x86_64 only";
  const auto longest = [](std::size_t disks) {
    Spec spec = small();
    spec.disks.resize(disks, raw_disk("disk.img"));
    for (std::size_t size = max_kernel_args;; --size) {
      spec.kernel_args = std::string(size, 'x');
      try {
        driver().validate(spec);
        return size;
      } catch (const InvalidError&) {
      }
    }
  };
  EXPECT_EQ(longest(0), 2039U);
  EXPECT_EQ(longest(1), 1987U);
  EXPECT_EQ(longest(2), 1952U);
  EXPECT_EQ(longest(10), 1667U);
  EXPECT_EQ(longest(17), 1415U);

  Spec spec = small();
  spec.kernel_args = std::string(2040, 'x');
  try {
    driver().validate(spec);
    FAIL() << "taken";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "the kernel command line has 2040 bytes, and Firecracker takes 2039 with these devices");
    EXPECT_EQ(e.hint(), "shorten what --append adds");
  }
}

TEST(FirecrackerDriver, SaysWhatItIs) {
  EXPECT_EQ(driver().name(), "firecracker");
  EXPECT_EQ(driver().default_binary(Arch::x86_64), "firecracker");
  EXPECT_EQ(driver().pid_file(), "firecracker.pid");
  EXPECT_EQ(driver().socket_file(), "firecracker.sock");
  EXPECT_EQ(driver().log_file(), "firecracker.log");
  const Capabilities can = driver().capabilities();
  EXPECT_TRUE(can.console_input);
  EXPECT_TRUE(can.pause);
  EXPECT_FALSE(can.qcow2);
  EXPECT_FALSE(can.firmware);
  EXPECT_FALSE(can.accel_tcg);
  EXPECT_EQ(can.architectures, (std::vector<Arch>{host_arch()}));
}

}  // namespace
}  // namespace meros::vmm::firecracker
