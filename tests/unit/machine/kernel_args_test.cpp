#include "machine/kernel_args.h"

#include <gtest/gtest.h>

namespace meros::machine {
namespace {

NetworkConfig network() { return {"docker0", "fc-demo-tap0", "172.17.0.35", "172.17.0.1", "255.255.255.0", ""}; }

TEST(KernelArgs, AreTheSeedsToTheByteAsMergenc) {
  KernelArgs args;
  args.face = Face::mergenc;
  args.firecracker_devices = true;
  args.root_disk = true;
  args.network = network();
  EXPECT_EQ(kernel_command_line(args),
            "ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules random.trust_cpu=on "
            "ip=172.17.0.35::172.17.0.1:255.255.255.0::eth0:off");
}

TEST(KernelArgs, AreReadWriteAsMeros) {
  KernelArgs args;
  args.firecracker_devices = true;
  args.root_disk = true;
  EXPECT_EQ(kernel_command_line(args), "rw console=ttyS0 reboot=k panic=1 pci=off nomodules random.trust_cpu=on");
}

TEST(KernelArgs, LetAnInitrdLoadModules) {
  KernelArgs args;
  args.firecracker_devices = true;
  args.initrd = true;
  args.read_only = true;
  EXPECT_EQ(kernel_command_line(args), "ro console=ttyS0 reboot=k panic=1 pci=off random.trust_cpu=on");
}

TEST(KernelArgs, NameTheRootWhereTheVmmDoesNot) {
  KernelArgs args;
  args.initrd = true;
  args.root_disk = true;
  EXPECT_EQ(kernel_command_line(args), "rw console=ttyS0 reboot=k panic=1 random.trust_cpu=on root=/dev/vda");
}

TEST(KernelArgs, NameTheSerialLineOfTheArchitecture) {
  KernelArgs args;
  args.initrd = true;
  args.arch = vmm::Arch::aarch64;
  EXPECT_EQ(kernel_command_line(args), "rw console=ttyAMA0 panic=1 random.trust_cpu=on");
}

TEST(KernelArgs, EndWithWhatWasAppendedSoThatItWins) {
  KernelArgs args;
  args.initrd = true;
  args.root_disk = true;
  args.network = network();
  args.append = "root=/dev/vda1 quiet";
  EXPECT_EQ(kernel_command_line(args),
            "rw console=ttyS0 reboot=k panic=1 random.trust_cpu=on root=/dev/vda "
            "ip=172.17.0.35::172.17.0.1:255.255.255.0::eth0:off root=/dev/vda1 quiet");
}

TEST(KernelArgs, HaveNoAddressWithoutOne) {
  KernelArgs args;
  args.initrd = true;
  args.network = NetworkConfig{};
  EXPECT_EQ(kernel_command_line(args), "rw console=ttyS0 reboot=k panic=1 random.trust_cpu=on");
}

}  // namespace
}  // namespace meros::machine
