// The pure parts of an image: its initrd, its files, its keys' pins, the ids that it is made with.
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "image/built.h"
#include "image/ext4_writer.h"
#include "image/guest_files.h"
#include "image/initrd.h"
#include "image/ssh_keys.h"
#include "image/user_namespace.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LoadOrder, PutsEachModuleAfterWhatItNeeds) {
  constexpr auto modules_dep =
      "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n"
      "kernel/lib/crc16.ko:\n"
      "kernel/fs/mbcache.ko:\n"
      "kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko\n"
      "kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio-ring.ko.xz\n"
      "kernel/drivers/virtio/virtio-ring.ko.xz:\n";
  EXPECT_THAT(
      load_order(modules_dep, {"virtio_pci", "built_in", "ext4"}),
      ElementsAre("kernel/drivers/virtio/virtio-ring.ko.xz", "kernel/drivers/virtio/virtio_pci.ko.xz",
                  "kernel/lib/crc16.ko", "kernel/fs/jbd2/jbd2.ko", "kernel/fs/mbcache.ko", "kernel/fs/ext4/ext4.ko"));
}

TEST(LoadOrder, EndsOnModulesThatNeedEachOther) {
  EXPECT_THAT(load_order("a.ko: b.ko\nb.ko: a.ko\n", {"a"}), ElementsAre("b.ko", "a.ko"));
}

TEST(CpioArchive, IsOfTheNewAsciiKind) {
  CpioArchive archive;
  archive.add_file("init", "hello", 0755);
  const std::string bytes = archive.finish();
  EXPECT_EQ(bytes.size() % 512, 0U);
  EXPECT_EQ(bytes.substr(0, 14), "07070100000001");
  EXPECT_EQ(bytes.substr(14, 8), "000081ed") << "a regular file, 0755";
  EXPECT_EQ(bytes.substr(54, 8), "00000005") << "its size";
  EXPECT_EQ(bytes.substr(110, 5), std::string("init\0", 5));
  EXPECT_EQ(bytes.substr(116, 5), "hello") << "after the name, on a boundary of 4 bytes";
  EXPECT_THAT(bytes, HasSubstr("TRAILER!!!"));
}

TEST(InitScript, LoadsTheModulesInTheirOrder) {
  EXPECT_THAT(init_script({"virtio.ko", "ext4.ko"}), HasSubstr("for module in virtio.ko ext4.ko; do"));
}

TEST(Fstab, HasTheRootAndTheDisksByLabel) {
  RootfsSpec spec;
  spec.disks = {{"data", "ext4", "/srv"}};
  EXPECT_EQ(fstab_of(spec),
            "/dev/root / ext4 defaults,x-systemd.growfs 0 0\n"
            "LABEL=data /srv ext4 defaults,nofail,x-systemd.growfs,x-systemd.device-timeout=20s 0 2\n");
}

TEST(SystemFiles, NameTheMachineAndItsUser) {
  RootfsSpec spec;
  spec.machine = "Web_1";
  std::string host_name;
  std::string sudoers;
  for (const auto& file : system_files(spec)) {
    if (file.path == "/etc/hostname") host_name = file.content;
    if (file.path == "/etc/sudoers.d/90-meros") sudoers = file.content;
  }
  EXPECT_EQ(host_name, "web-1\n");
  EXPECT_EQ(sudoers, "debian ALL=(ALL:ALL) NOPASSWD: ALL\n");
}

TEST(KnownHosts, GetTheKeysOfAMachineInPlaceOfItsFormerOnes) {
  MachineKeys keys;
  keys.host_ed25519_public = "ssh-ed25519 AAAA web.lab.meros\n";
  keys.host_rsa_public = "ssh-rsa BBBB web.lab.meros\n";
  const std::string before = "db.lab.meros ssh-rsa CCCC\nweb.lab.meros ssh-rsa OLD\n";
  EXPECT_EQ(pin(before, "web.lab.meros", keys),
            "db.lab.meros ssh-rsa CCCC\nweb.lab.meros ssh-ed25519 AAAA\nweb.lab.meros ssh-rsa BBBB\n");
  EXPECT_EQ(pin(pin(before, "web.lab.meros", keys), "web.lab.meros", keys), pin(before, "web.lab.meros", keys));
}

TEST(KnownHosts, NameMachinesInLowerCase) { EXPECT_EQ(host_key_alias("Lab", "Web_1"), "web_1.lab.meros"); }

TEST(SubordinateRange, IsTheLargestOfTheUserByNameOrNumber) {
  const std::string text = "ann:100000:1000\nbob:200000:65536\n1000:300000:65536\nann:broken:9\nann:1:2:3\n";
  EXPECT_EQ(subordinate_range(text, "ann", 1000), (IdRange{300000, 65536}));
  EXPECT_EQ(subordinate_range(text, "ann", 1), (IdRange{100000, 1000}));
  EXPECT_EQ(subordinate_range(text, "eve", 2), std::nullopt);
}

TEST(IdMap, MapsTheCallerToRootAndTheRangeBehind) {
  EXPECT_THAT(id_map_arguments("newuidmap", 77, 1000, {100000, 65536}),
              ElementsAre("newuidmap", "77", "0", "1000", "1", "1", "100000", "65536"));
}

TEST(Uuid, IsMadeOfTheDigitsWithItsVersion) {
  EXPECT_EQ(uuid_of("0123456789abcdef0123456789abcdef"), "01234567-89ab-8def-8123-456789abcdef");
}

class BuiltFile : public testing::Test {
 protected:
  Built built() const {
    Built built;
    built.constellation = "lab";
    built.machine = "web";
    built.distribution = "debian";
    built.release = "bookworm";
    built.arch = "x86_64";
    built.user = "debian";
    built.rootfs = "lab-web.qcow2";
    built.kernel = "lab-web.kernel";
    built.initrd = "lab-web.initrd";
    built.bytes = 123;
    built.built_at = 1700000000000;
    built.stages = {"b", "p", "k", "c", "q"};
    built.resolved = {"1", "2", "3"};
    built.stamp = "1:2:3";
    return built;
  }
  fs::path path(const std::string& name) const { return directory_.path() / name; }
  TemporaryDirectory directory_;
};

TEST_F(BuiltFile, IsReadAsItWasWritten) {
  write_built(directory_.path(), built());
  EXPECT_FALSE(read_built(directory_.path(), "lab", "web")) << "its image is not there";
  replace_file(path("lab-web.qcow2"), "x");
  const auto read = read_built(directory_.path(), "lab", "web");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rootfs, "lab-web.qcow2");
  EXPECT_EQ(read->kernel, "lab-web.kernel");
  EXPECT_EQ(read->stages, built().stages);
  EXPECT_EQ(read->resolved, built().resolved);
  EXPECT_EQ(read->built_at, 1700000000000);
  EXPECT_EQ(read->root_device, "/dev/vda");
}

TEST_F(BuiltFile, NamesFilesOfItsDirectoryOnly) {
  Built other = built();
  other.rootfs = "../../etc/shadow";
  write_built(directory_.path(), other);
  try {
    read_built(directory_.path(), "lab", "web");
    FAIL() << "it was read";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "cannot read '" + path("lab-web.json").string() + "': 'rootfs' is not the name of a file");
  }
}

}  // namespace
}  // namespace meros::image
