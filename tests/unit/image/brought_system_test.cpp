#include "image/brought_system.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "image/foreign_arch.h"
#include "image/guest_files.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

TEST(OsRelease, TellsTheSystemAndItsRelease) {
  const auto debian = parse_os_release("NAME=\"Debian\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n");
  EXPECT_EQ(debian.id, "debian");
  EXPECT_EQ(debian.release, "bookworm");
  EXPECT_EQ(parse_os_release("ID='fedora'\nVERSION_ID=41\n").release, "41");
}

TEST(OsRelease, GivesNoNameThatIsNone) {
  for (const auto* text : {"", "ID=\n", "ID=\"a b\"\n", "ID=../etc\n", "ID=-rf\n", "ID=\"$(id)\"\n", "ID=0day\n"})
    EXPECT_EQ(parse_os_release(text).id, "") << text;
}

RootfsSpec spec_with_disk() {
  RootfsSpec spec;
  spec.disks = {{"data", "ext4", "/srv"}};
  return spec;
}

TEST(BroughtFstab, KeepsItsLinesAndGrowsTheRoot) {
  EXPECT_EQ(
      fstab_of(spec_with_disk(), "# a comment\nUUID=1\t/ ext4   defaults 0 1\nUUID=2 /boot/efi vfat umask=0077 0 1\n"),
      "# a comment\nUUID=1 / ext4 defaults,x-systemd.growfs 0 1\nUUID=2 /boot/efi vfat umask=0077 0 1\n"
      "LABEL=data /srv ext4 defaults,nofail,x-systemd.growfs,x-systemd.device-timeout=20s 0 2\n");
}

TEST(BroughtFstab, IsTheSameWhenItIsDoneAgain) {
  const std::string once = fstab_of(spec_with_disk(), "UUID=1 / ext4 defaults 0 1\n");
  EXPECT_EQ(fstab_of(spec_with_disk(), once), once);
}

TEST(BroughtFstab, LeavesARootThatDoesNotGrow) {
  EXPECT_EQ(fstab_of(RootfsSpec(), "UUID=1 / jfs defaults 0 1\nshort\n"), "UUID=1 / jfs defaults 0 1\nshort\n");
}

bool has(const std::vector<GuestFile>& files, const std::string& path) {
  for (const auto& file : files)
    if (file.path == path) return true;
  return false;
}

TEST(BroughtSystem, GetsOnlyTheNetworkFilesThatItReads) {
  SystemFacts system;
  EXPECT_FALSE(has(system_files(RootfsSpec(), system), "/etc/systemd/network/80-meros.network"));
  system.networkd = true;
  EXPECT_TRUE(has(system_files(RootfsSpec(), system), "/etc/systemd/network/80-meros.network"));
  EXPECT_TRUE(has(system_files(RootfsSpec(), system), "/etc/systemd/system/meros-resolv.path"));
  system.resolved = true;
  EXPECT_FALSE(has(system_files(RootfsSpec(), system), "/etc/systemd/system/meros-resolv.path"));
  EXPECT_FALSE(has(system_files(RootfsSpec(), system), "/etc/cloud/cloud-init.disabled"));
  system.cloud_init = true;
  EXPECT_TRUE(has(system_files(RootfsSpec(), system), "/etc/cloud/cloud-init.disabled"));
}

TEST(BroughtSystem, HasTheNewestKernelOfItsBootDirectory) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.path() / "boot");
  for (const auto* name : {"vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-13-amd64", "initrd.img-6.1.0-9-amd64", "grub"})
    std::ofstream(directory.path() / "boot" / name) << "x";
  const auto files = boot_files(RootTree(directory.path()));
  ASSERT_TRUE(files);
  EXPECT_EQ(files->kernel, "/boot/vmlinuz-6.1.0-13-amd64");
  EXPECT_EQ(files->initrd, "");
}

TEST(ForeignArch, NeedsAnEmulatorThatIsHeldOpen) {
  const auto foreign = vmm::host_arch() == vmm::Arch::x86_64 ? vmm::Arch::aarch64 : vmm::Arch::x86_64;
  const std::string name(vmm::to_string(foreign));
  const TemporaryDirectory binfmt;
  EXPECT_FALSE(why_not_runnable(vmm::host_arch(), binfmt.path()));
  EXPECT_EQ(why_not_runnable(foreign, binfmt.path())->message(),
            "this host runs no programs of " + name + ": no emulator is registered");
  const auto entry = [&](const std::string& text) { std::ofstream(binfmt.path() / ("qemu-" + name)) << text; };
  entry("disabled\ninterpreter /x\nflags: F\n");
  EXPECT_EQ(why_not_runnable(foreign, binfmt.path())->message(),
            "this host runs no programs of " + name + ": the emulator is switched off");
  entry("enabled\ninterpreter /x\nflags: OC\n");
  EXPECT_EQ(why_not_runnable(foreign, binfmt.path())->message(),
            "the emulator of " + name + " is registered without the flag F, and is not found inside an image");
  entry("enabled\ninterpreter /x\nflags: OCF\n");
  EXPECT_FALSE(why_not_runnable(foreign, binfmt.path()));
}

}  // namespace
}  // namespace meros::image
