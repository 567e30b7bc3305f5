#include <fcntl.h>
#include <gmock/gmock.h>

#include "base/text.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/driver.h"
#include "vmm/qemu/machine.h"

namespace meros::vmm::qemu {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

Spec small_machine() {
  Spec spec;
  spec.name = "web";
  spec.kernel = "vmlinux";
  spec.kernel_has_virtio_mmio_cmdline = true;
  return spec;
}

Spec whole_pc() {
  Spec spec = small_machine();
  spec.kernel_has_virtio_mmio_cmdline = false;
  return spec;
}

// One argument a line; an option's value behind it.
std::string text_of(const Plan& plan) {
  std::string text;
  for (const auto& argument : plan.argv) {
    const bool option = argument.starts_with('-');
    if (!text.empty()) text += option ? "\n" : " ";
    text += argument;
  }
  return text + "\n";
}

std::string descriptors_of(const Plan& plan) {
  using Kind = PlannedDescriptor::Kind;
  std::string text;
  for (const auto& one : plan.descriptors) {
    text += std::to_string(one.target);
    switch (one.kind) {
      case Kind::console:
        text += " console";
        break;
      case Kind::control:
        text += " control";
        break;
      case Kind::listener:
        text += " listener " + one.path;
        break;
      case Kind::tap:
        text += " tap " + one.path;
        break;
      case Kind::file:
        text += (one.flags == O_RDWR ? " read-write " : " read-only ") + one.path;
        break;
    }
    text += "\n";
  }
  return text;
}

Plan plan_of(const Spec& spec) {
  return plan(spec, "/usr/bin/qemu-system-" + std::string(vmm::to_string(spec.arch)), {"/firmware.fd", true});
}

// The value after the option, as often as it is there.
std::vector<std::string> values_of(const Plan& plan, const std::string& option) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i + 1 < plan.argv.size(); ++i)
    if (plan.argv[i] == option) values.push_back(plan.argv[i + 1]);
  return values;
}

std::vector<std::string> values_of(const Spec& spec, const std::string& option) {
  return values_of(plan_of(spec), option);
}

TEST(QemuArgv, GivesASmallMachineMicrovm) {
  Spec spec = small_machine();
  spec.initrd = "initrd";
  spec.kernel_args = "ro console=ttyS0";
  spec.vcpus = 2;
  spec.disks = {{"rootfs.ext4", DiskFormat::raw, false, "root", {}, {}}};
  spec.nics = {{"tap-web", "02:00:00:00:0A:01"}};
  const Plan plan = plan_of(spec);
  EXPECT_EQ(text_of(plan), R"(/usr/bin/qemu-system-x86_64
-name web
-nodefaults
-no-user-config
-no-reboot
-no-shutdown
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-display none
-machine microvm,acpi=off
-accel tcg
-cpu max
-m 512M
-smp 2
-global virtio-mmio.force-legacy=false
-device i8042
-kernel vmlinux
-initrd initrd
-append ro console=ttyS0
-chardev socket,id=console,fd=3
-serial chardev:console
-chardev socket,id=control,fd=4
-mon chardev=control,mode=control
-chardev socket,id=people,fd=5,server=on,wait=off
-mon chardev=people,mode=control
-add-fd fd=6,set=6
-blockdev {"driver":"raw","discard":"unmap","file":{"driver":"file","filename":"/dev/fdset/6","discard":"unmap"},"node-name":"disk0"}
-device virtio-blk-device,bus=virtio-mmio-bus.6,drive=disk0,serial=root
-netdev tap,id=nic0,fd=7,vhost=off
-device virtio-net-device,bus=virtio-mmio-bus.5,netdev=nic0,mac=02:00:00:00:0a:01
-device virtio-rng-device,bus=virtio-mmio-bus.4
)");
  EXPECT_EQ(descriptors_of(plan), R"(3 console
4 control
5 listener qmp.sock
6 read-write rootfs.ext4
7 tap tap-web
)");
  EXPECT_TRUE(plan.requests.empty());
}

TEST(QemuArgv, GivesAnOrdinaryKernelAWholePc) {
  Spec spec = whole_pc();
  spec.accel = Accel::kvm;
  spec.memory_mib = 2048;
  spec.disks = {{"root.qcow2", DiskFormat::qcow2, false, "", "/cache/base.raw", DiskFormat::raw},
                {"seed.img", DiskFormat::raw, true, "", {}, {}}};
  spec.nics = {{"t0", "02:00:00:00:00:01"}, {"t1", "02:00:00:00:00:02"}};
  const Plan plan = plan_of(spec);
  EXPECT_EQ(text_of(plan), R"(/usr/bin/qemu-system-x86_64
-name web
-nodefaults
-no-user-config
-no-reboot
-no-shutdown
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-display none
-machine q35,vmport=off,sata=off
-accel kvm
-cpu host
-m 2048M
-smp 1
-kernel vmlinux
-chardev socket,id=console,fd=3
-serial chardev:console
-chardev socket,id=control,fd=4
-mon chardev=control,mode=control
-chardev socket,id=people,fd=5,server=on,wait=off
-mon chardev=people,mode=control
-add-fd fd=6,set=6
-add-fd fd=7,set=7
-blockdev {"driver":"qcow2","discard":"unmap","file":{"driver":"file","filename":"/dev/fdset/6","discard":"unmap"},"backing":{"driver":"raw","read-only":true,"file":{"driver":"file","filename":"/dev/fdset/7","read-only":true}},"node-name":"disk0"}
-device virtio-blk-pci,drive=disk0
-add-fd fd=8,set=8
-blockdev {"driver":"raw","read-only":true,"file":{"driver":"file","filename":"/dev/fdset/8","read-only":true},"node-name":"disk1"}
-device virtio-blk-pci,drive=disk1
-netdev tap,id=nic0,fd=9,vhost=off
-device virtio-net-pci,netdev=nic0,mac=02:00:00:00:00:01,romfile=
-netdev tap,id=nic1,fd=10,vhost=off
-device virtio-net-pci,netdev=nic1,mac=02:00:00:00:00:02,romfile=
-device virtio-rng-pci
)");
  EXPECT_EQ(descriptors_of(plan), R"(3 console
4 control
5 listener qmp.sock
6 read-write root.qcow2
7 read-only /cache/base.raw
8 read-only seed.img
9 tap t0
10 tap t1
)");
}

TEST(QemuArgv, GivesAnAarch64MachineVirt) {
  Spec spec = whole_pc();
  spec.arch = Arch::aarch64;
  spec.kernel_args = "console=ttyAMA0";
  spec.cdroms = {"a.iso", "b.iso"};
  EXPECT_EQ(text_of(plan_of(spec)), R"(/usr/bin/qemu-system-aarch64
-name web
-nodefaults
-no-user-config
-no-reboot
-no-shutdown
-S
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-display none
-machine virt,gic-version=max
-accel tcg
-cpu max,pauth-impdef=on
-m 512M
-smp 1
-kernel vmlinux
-append console=ttyAMA0
-chardev socket,id=console,fd=3
-serial chardev:console
-chardev socket,id=control,fd=4
-mon chardev=control,mode=control
-chardev socket,id=people,fd=5,server=on,wait=off
-mon chardev=people,mode=control
-add-fd fd=6,set=6
-blockdev {"driver":"raw","read-only":true,"file":{"driver":"file","filename":"/dev/fdset/6","read-only":true},"node-name":"cdrom0"}
-device virtio-scsi-pci,id=scsi
-device scsi-cd,bus=scsi.0,drive=cdrom0
-add-fd fd=7,set=7
-blockdev {"driver":"raw","read-only":true,"file":{"driver":"file","filename":"/dev/fdset/7","read-only":true},"node-name":"cdrom1"}
-device scsi-cd,bus=scsi.0,drive=cdrom1
-device virtio-rng-pci
)");
}

TEST(QemuArgv, LetsTheFirmwareChooseDisksBeforeCdroms) {
  Spec spec = whole_pc();
  spec.kernel.reset();
  spec.firmware = Firmware::bios;
  spec.disks = {{"a.img", DiskFormat::raw, false, "", {}, {}}, {"b.img", DiskFormat::raw, false, "", {}, {}}};
  spec.cdroms = {"installer.iso"};
  EXPECT_THAT(values_of(spec, "-machine"), testing::ElementsAre("q35,vmport=off,graphics=off"));
  EXPECT_THAT(values_of(spec, "-bios"), testing::IsEmpty());
  EXPECT_THAT(values_of(spec, "-device"),
              testing::ElementsAre("virtio-blk-pci,drive=disk0,bootindex=0", "virtio-blk-pci,drive=disk1,bootindex=1",
                                   "ide-cd,bus=ide.0,drive=cdrom0,bootindex=2", "virtio-rng-pci"));
}

TEST(QemuArgv, LoadsTheUefiFirmwareThatTheHostHas) {
  Spec spec = whole_pc();
  spec.firmware = Firmware::uefi;
  EXPECT_THAT(values_of(spec, "-bios"), testing::ElementsAre("/firmware.fd"));
  EXPECT_THAT(values_of(spec, "-machine"), testing::ElementsAre("q35,vmport=off,sata=off"));
}

TEST(QemuArgv, ShowsADisplayOnAVncSocketInTheVolume) {
  Spec spec = whole_pc();
  spec.display = true;
  EXPECT_THAT(values_of(spec, "-vnc"), testing::ElementsAre("unix:run/vnc.sock"));
  EXPECT_THAT(values_of(spec, "-display"), testing::IsEmpty());
  EXPECT_THAT(values_of(spec, "-device"), testing::ElementsAre("virtio-rng-pci", "VGA", "qemu-xhci", "usb-tablet"));
  spec.arch = Arch::aarch64;
  EXPECT_THAT(values_of(spec, "-device"),
              testing::ElementsAre("virtio-rng-pci", "virtio-gpu-pci", "qemu-xhci", "usb-kbd", "usb-tablet"));
}

TEST(QemuArgv, NeverOpensAFileThatOnlyAnImageNames) {
  Spec spec = small_machine();
  spec.disks = {{"root.qcow2", DiskFormat::qcow2, false, "", {}, {}},
                {"data.qcow2", DiskFormat::qcow2, false, "", "base.qcow2", DiskFormat::qcow2}};
  const auto nodes = values_of(spec, "-blockdev");
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(
      nodes[0],
      R"({"driver":"qcow2","discard":"unmap","file":{"driver":"file","filename":"/dev/fdset/6","discard":"unmap"},"backing":null,"node-name":"disk0"})");
  EXPECT_EQ(
      nodes[1],
      R"({"driver":"qcow2","discard":"unmap","file":{"driver":"file","filename":"/dev/fdset/7","discard":"unmap"},"backing":{"driver":"qcow2","read-only":true,"file":{"driver":"file","filename":"/dev/fdset/8","read-only":true},"backing":null},"node-name":"disk1"})");
}

TEST(QemuArgv, NoPathOfADiskIsEverPartOfTheCommandLine) {
  Spec spec = whole_pc();
  const std::string evil = "a,file.filename=/etc/shadow\",\"b";
  spec.disks = {{evil, DiskFormat::qcow2, false, "", evil, DiskFormat::raw}};
  spec.cdroms = {evil};
  for (const auto& argument : plan_of(spec).argv) EXPECT_THAT(argument, Not(HasSubstr("shadow")));
}

TEST(QemuArgv, OpensABlockDeviceAsOne) {
  Spec spec = whole_pc();
  spec.disks = {{"/dev/vg/root", DiskFormat::raw, false, "", {}, {}},
                {"/dev/shm/root", DiskFormat::raw, false, "", {}, {}}};
  const auto nodes = values_of(spec, "-blockdev");
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_THAT(nodes[0], HasSubstr(R"("file":{"driver":"host_device")"));
  EXPECT_THAT(nodes[1], HasSubstr(R"("file":{"driver":"file")"));
}

// "<device> <number of its bus>", in the order of the command line.
std::vector<std::string> microvm_buses_of(std::size_t disks) {
  Spec spec = small_machine();
  for (std::size_t i = 0; i < disks; ++i)
    spec.disks.push_back({"d" + std::to_string(i), DiskFormat::raw, false, "", {}, {}});
  std::vector<std::string> buses;
  for (const auto& device : values_of(spec, "-device"))
    if (const auto at = device.find("virtio-mmio-bus."); at != std::string::npos)
      buses.push_back(device.substr(at + 16, 1));
  return buses;
}

TEST(QemuArgv, KeepsMicrovmsDevicesOffTheInterruptsOfClockAndMouse) {
  using testing::ElementsAre;
  // Bus 3 has interrupt 8, bus 7 interrupt 12. Downward, for Linux names the disk on the highest bus /dev/vda.
  EXPECT_THAT(microvm_buses_of(0), ElementsAre("6"));
  EXPECT_THAT(microvm_buses_of(5), ElementsAre("6", "5", "4", "2", "1", "0"));
  EXPECT_THAT(microvm_buses_of(6), ElementsAre("7", "6", "5", "4", "2", "1", "0"));
  EXPECT_THAT(microvm_buses_of(7), ElementsAre("7", "6", "5", "4", "3", "2", "1", "0"));
}

TEST(QemuArgv, TakesTheClockFromAMicrovmThatNeedsItsInterrupt) {
  Spec spec = small_machine();
  for (int i = 0; i < 6; ++i) spec.disks.push_back({"d" + std::to_string(i), DiskFormat::raw, false, "", {}, {}});
  EXPECT_THAT(values_of(spec, "-machine"), testing::ElementsAre("microvm,acpi=off"));
  spec.nics = {{"t0", "02:00:00:00:00:01"}};
  EXPECT_THAT(values_of(spec, "-machine"), testing::ElementsAre("microvm,acpi=off,rtc=off"));
}

TEST(QemuArgv, HidesTheArchCapabilitiesThatKvmOnlyMakesUp) {
  Spec spec = small_machine();
  spec.accel = Accel::kvm;
  EXPECT_THAT(values_of(plan(spec, "q", {"", false}), "-cpu"), testing::ElementsAre("host,arch-capabilities=off"));
  EXPECT_THAT(values_of(plan(spec, "q", {"", true}), "-cpu"), testing::ElementsAre("host"));
  spec.accel = Accel::tcg;
  EXPECT_THAT(values_of(plan(spec, "q", {"", false}), "-cpu"), testing::ElementsAre("max"));
}

TEST(QemuArgv, AUsersOwnArgumentsReplaceOursAndComeLast) {
  struct {
    std::vector<std::string> args;
    std::string ours;
  } const cases[] = {
      {{"-machine", "pc"}, "-machine"},
      {{"--machine", "pc"}, "-machine"},
      {{"-M", "pc"}, "-machine"},
      {{"-cpu", "Nehalem"}, "-cpu"},
      {{"-m", "1G"}, "-m"},
      {{"-smp", "4"}, "-smp"},
      {{"-accel", "hax"}, "-accel"},
      {{"-enable-kvm"}, "-accel"},
      {{"-bios", "x"}, "-bios"},
      {{"-display", "gtk"}, "-display"},
      {{"-sandbox", "off"}, "-sandbox"},
      {{"-machine", "pc,accel=kvm"}, "-accel"},
      {{"-machine", "accel=kvm"}, "-machine"},
  };
  Spec without = whole_pc();
  without.firmware = Firmware::uefi;
  const auto unchanged = plan_of(without).argv;
  for (const auto& one : cases) {
    EXPECT_THAT(unchanged, Contains(one.ours));
    Spec spec = without;
    spec.extra_args = one.args;
    auto argv = plan_of(spec).argv;
    ASSERT_GE(argv.size(), one.args.size());
    const std::vector<std::string> last(argv.end() - static_cast<std::ptrdiff_t>(one.args.size()), argv.end());
    EXPECT_EQ(last, one.args);
    argv.resize(argv.size() - one.args.size());
    EXPECT_THAT(argv, Not(Contains(one.ours))) << join(one.args, " ");
  }
}

TEST(QemuArgv, OtherArgumentsOfAUserReplaceNothing) {
  Spec spec = whole_pc();
  spec.extra_args = {"-device", "virtio-balloon-pci", "-machine-like", "-cpus"};
  for (const char* option : {"-machine", "-accel", "-cpu", "-m", "-smp", "-display", "-sandbox"})
    EXPECT_EQ(values_of(spec, option).size(), 1u) << option;
}

TEST(QemuMachine, IsMicrovmOnlyForAKernelThatFindsItsDevicesAndNothingElse) {
  EXPECT_EQ(machine_of(small_machine()), Machine::microvm);
  EXPECT_EQ(machine_of(whole_pc()), Machine::q35);
  const auto with = [](auto change) {
    Spec spec = small_machine();
    change(spec);
    return machine_of(spec);
  };
  EXPECT_EQ(with([](Spec& s) { s.kernel.reset(); }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.firmware = Firmware::bios; }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.firmware = Firmware::uefi; }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.display = true; }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.cdroms = {"a.iso"}; }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.extra_args = {"-cpu", "max"}; }), Machine::q35);
  EXPECT_EQ(with([](Spec& s) { s.arch = Arch::aarch64; }), Machine::virt);
}

TEST(QemuDriver, SaysWhatItCan) {
  const Driver& qemu = driver();
  EXPECT_EQ(qemu.name(), "qemu");
  EXPECT_EQ(qemu.default_binary(Arch::x86_64), "qemu-system-x86_64");
  EXPECT_EQ(qemu.default_binary(Arch::aarch64), "qemu-system-aarch64");
  EXPECT_EQ(qemu.pid_file(), "qemu.pid");
  EXPECT_EQ(qemu.socket_file(), "qmp.sock");
  EXPECT_EQ(qemu.log_file(), "qemu.log");
  const Capabilities can = qemu.capabilities();
  EXPECT_TRUE(can.console_input && can.pause && can.qcow2 && can.firmware && can.accel_tcg && can.extra_args &&
              can.graphics);
  EXPECT_FALSE(can.snapshot || can.hot_plug);
  EXPECT_THAT(can.architectures, testing::ElementsAre(Arch::x86_64, Arch::aarch64));
}

}  // namespace
}  // namespace meros::vmm::qemu
