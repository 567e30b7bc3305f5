#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "vmm/qemu/driver.h"

namespace meros::vmm::qemu {
namespace {

Spec good() {
  Spec spec;
  spec.name = "web";
  spec.arch = host_arch();
  spec.kernel = "vmlinux";
  spec.disks = {{"rootfs.ext4", DiskFormat::raw, false, "root-1.a_B", {}, {}}};
  spec.nics = {{"tap0", "02:00:00:00:00:01"}};
  return spec;
}

// "message | hint" of what is said to the good spec after a change; "accepted" otherwise.
std::string verdict(const std::function<void(Spec&)>& change) {
  Spec spec = good();
  change(spec);
  try {
    driver().validate(spec);
  } catch (const InvalidError& e) {
    return e.message() + " | " + e.hint();
  }
  return "accepted";
}

Arch foreign() { return host_arch() == Arch::x86_64 ? Arch::aarch64 : Arch::x86_64; }

TEST(QemuValidate, TakesAnOrdinaryMachine) {
  EXPECT_EQ(verdict([](Spec&) {}), "accepted");
  EXPECT_EQ(verdict([](Spec& s) { s.arch = foreign(); }), "accepted");
  EXPECT_EQ(verdict([](Spec& s) {
              s.kernel.reset();
              s.arch = Arch::x86_64;
              s.firmware = Firmware::bios;
            }),
            "accepted");
  EXPECT_EQ(verdict([](Spec& s) { s.disks[0] = {"a", DiskFormat::qcow2, false, "", "b", DiskFormat::raw}; }),
            "accepted");
}

TEST(QemuValidate, BoundsTheProcessors) {
  const auto vcpus = [](Arch arch, Accel accel, unsigned count) {
    return verdict([&](Spec& s) {
      s.arch = arch;
      s.accel = accel;
      s.vcpus = count;
    });
  };
  EXPECT_EQ(vcpus(Arch::x86_64, Accel::tcg, 255), "accepted");
  EXPECT_EQ(vcpus(Arch::x86_64, Accel::tcg, 0), "0 vCPUs are not possible | QEMU takes 1 to 255 with tcg on x86_64");
  EXPECT_EQ(vcpus(Arch::x86_64, Accel::tcg, 256),
            "256 vCPUs are not possible | QEMU takes 1 to 255 with tcg on x86_64");
  EXPECT_EQ(vcpus(Arch::aarch64, Accel::tcg, 512), "accepted");
  EXPECT_EQ(vcpus(Arch::aarch64, Accel::tcg, 513),
            "513 vCPUs are not possible | QEMU takes 1 to 512 with tcg on aarch64");
  if (host_arch() == Arch::x86_64) {
    EXPECT_EQ(vcpus(Arch::x86_64, Accel::kvm, 288), "accepted");
    EXPECT_EQ(vcpus(Arch::x86_64, Accel::kvm, 289),
              "289 vCPUs are not possible | QEMU takes 1 to 288 with kvm on x86_64");
  }
}

TEST(QemuValidate, KvmRunsGuestsOfThisArchitectureOnly) {
  const std::string expected = "kvm cannot run a guest of " + std::string(to_string(foreign())) + " on " +
                               std::string(to_string(host_arch())) + " | use --accel tcg";
  EXPECT_EQ(verdict([](Spec& s) {
              s.arch = foreign();
              s.accel = Accel::kvm;
            }),
            expected);
}

TEST(QemuValidate, BoundsTheMemory) {
  EXPECT_EQ(verdict([](Spec& s) { s.memory_mib = 8; }), "accepted");
  EXPECT_EQ(verdict([](Spec& s) { s.memory_mib = 1 << 20; }), "accepted");
  EXPECT_EQ(verdict([](Spec& s) { s.memory_mib = 7; }), "7 MiB of memory are not possible | give 8 MiB to 1048576 MiB");
  EXPECT_EQ(verdict([](Spec& s) { s.memory_mib = (1 << 20) + 1; }),
            "1048577 MiB of memory are not possible | give 8 MiB to 1048576 MiB");
}

TEST(QemuValidate, WantsSomethingToBoot) {
  EXPECT_EQ(verdict([](Spec& s) { s.kernel.reset(); }),
            "there is nothing to boot: no kernel and no firmware | give a kernel");
  EXPECT_EQ(verdict([](Spec& s) { s.kernel = ""; }), "the kernel has no path | ");
  EXPECT_EQ(verdict([](Spec& s) { s.kernel = "a\nb"; }), "the path of the kernel has a control character in it | ");
  EXPECT_EQ(verdict([](Spec& s) { s.initrd = ""; }), "the initrd has no path | ");
  const auto firmware = [](auto change) {
    return verdict([&](Spec& s) {
      s.kernel.reset();
      s.firmware = Firmware::uefi;
      change(s);
    });
  };
  EXPECT_EQ(firmware([](Spec& s) { s.initrd = "i"; }),
            "an initrd needs a kernel | give a kernel, or leave the initrd out");
  EXPECT_EQ(firmware([](Spec& s) { s.kernel_args = "ro"; }),
            "kernel arguments need a kernel | give a kernel, or leave them out");
  EXPECT_EQ(firmware([](Spec& s) {
              s.arch = Arch::aarch64;
              s.firmware = Firmware::bios;
            }),
            "aarch64 has no BIOS | use the firmware uefi");
}

TEST(QemuValidate, BoundsTheKernelArgumentsByWhatTheKernelReads) {
  const auto with = [](std::size_t size, bool mmio) {
    return verdict([&](Spec& s) {
      s.arch = Arch::x86_64;
      s.kernel_has_virtio_mmio_cmdline = mmio;
      s.kernel_args = std::string(size, 'x');
    });
  };
  EXPECT_EQ(with(2047, false), "accepted");
  EXPECT_EQ(with(2048, false), "the kernel arguments are 2048 bytes long | this guest's kernel reads at most 2047");
  // A disk, a NIC and the entropy device: QEMU adds 37 bytes for each.
  EXPECT_EQ(with(1936, true), "accepted");
  EXPECT_EQ(with(1937, true), "the kernel arguments are 1937 bytes long | this guest's kernel reads at most 1936");
  EXPECT_EQ(verdict([](Spec& s) { s.kernel_args = std::string("a\0b", 3); }),
            "the kernel arguments have a control character in them | ");
}

TEST(QemuValidate, ChecksDisks) {
  EXPECT_EQ(verdict([](Spec& s) { s.disks[0].path = ""; }), "the disk has no path | ");
  EXPECT_EQ(verdict([](Spec& s) { s.disks[0].serial = "123456789012345678901"; }),
            "the serial '123456789012345678901' of the disk 'rootfs.ext4' is too long | at most 20 bytes");
  EXPECT_EQ(verdict([](Spec& s) { s.disks[0].serial = "a,b=c"; }),
            "the serial 'a,b=c' of the disk 'rootfs.ext4' is not valid | use letters, digits, '-', '_' and '.'");
  EXPECT_EQ(verdict([](Spec& s) { s.disks[0].backing_path = "base"; }),
            "the disk 'rootfs.ext4' is raw: only qcow2 stands on a backing file | ");
  EXPECT_EQ(verdict([](Spec& s) {
              s.disks[0].format = DiskFormat::qcow2;
              s.disks[0].backing_path = "";
            }),
            "the backing file of 'rootfs.ext4' has no path | ");
  EXPECT_EQ(verdict([](Spec& s) { s.disks.push_back(s.disks[0]); }),
            "the disk 'rootfs.ext4' is there twice | leave one out, or make both read-only");
  EXPECT_EQ(verdict([](Spec& s) {
              s.disks[0].read_only = true;
              s.disks.push_back(s.disks[0]);
            }),
            "accepted");
}

TEST(QemuValidate, ChecksNics) {
  const auto tap = [](const std::string& name) { return verdict([&](Spec& s) { s.nics[0].tap = name; }); };
  const std::string hint = " cannot be the name of a TAP device | use 1 to 15 characters, no blank, '/', ':' or '%'";
  EXPECT_EQ(tap("fifteen-bytes-0"), "accepted");
  for (const char* name : {"", "sixteen-bytes-00", "a/b", "a b", "a%d", "a\nb"})
    EXPECT_EQ(tap(name), "'" + std::string(name) + "'" + hint);
  EXPECT_EQ(verdict([](Spec& s) { s.nics.push_back(s.nics[0]); }), "two NICs have the same TAP device 'tap0' | ");
  EXPECT_THAT(verdict([](Spec& s) { s.nics[0].mac = "02:00:00:00:00:01,script=/bin/sh"; }),
              testing::HasSubstr("MAC address"));
  EXPECT_THAT(verdict([](Spec& s) { s.nics[0].mac = ""; }), testing::HasSubstr("MAC address"));
}

TEST(QemuValidate, BoundsTheNumberOfDevices) {
  const auto disks = [](std::size_t count, bool mmio) {
    return verdict([&](Spec& s) {
      s.arch = Arch::x86_64;
      s.kernel_has_virtio_mmio_cmdline = mmio;
      for (std::size_t i = 1; i < count; ++i)
        s.disks.push_back({"d" + std::to_string(i), DiskFormat::raw, false, "", {}, {}});
    });
  };
  EXPECT_EQ(disks(6, true), "accepted");
  EXPECT_EQ(disks(7, true), "7 disks and 1 NICs are too many | QEMU's microvm takes 7 of them together");
  EXPECT_EQ(disks(22, false), "accepted");
  EXPECT_EQ(disks(23, false), "23 disks and 1 NICs are too many | QEMU's q35 takes 23 of them together");
  EXPECT_EQ(verdict([](Spec& s) { s.cdroms.assign(7, "a.iso"); }), "7 cdroms are too many | at most 6");
}

TEST(QemuValidate, ChecksNamesAndExtraArguments) {
  EXPECT_THAT(verdict([](Spec& s) { s.name = "web,debug-threads=on"; }), testing::HasSubstr("the machine name"));
  EXPECT_EQ(verdict([](Spec& s) { s.extra_args = {"-append", ""}; }), "accepted");
  EXPECT_EQ(verdict([](Spec& s) { s.extra_args = {"--daemonize"}; }),
            "'-daemonize' cannot be given to QEMU: it must stay the child of its supervisor | leave it out");
  EXPECT_EQ(verdict([](Spec& s) { s.extra_args = {"-device\n"}; }),
            "an argument for QEMU has a control character in it | ");
}

}  // namespace
}  // namespace meros::vmm::qemu
