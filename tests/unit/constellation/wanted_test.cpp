#include "constellation/wanted.h"

#include <gmock/gmock.h>

#include "unit/constellation/manifests.h"

namespace meros::constellation {
namespace {

using testing::ElementsAre;

WantedMachine machine(const std::string& fields, const Surroundings& surroundings = bare_surroundings()) {
  const auto wanted = want(
      parsed("bridges:\n  lan: {subnet: 10.0.2.1/24}\nvirtual_machines:\n  web: {" + fields + "}\n"), surroundings);
  return *wanted.find("web");
}

TEST(Wanted, MakesAMacFromTheLabelAsTheSeedDid) {
  // md5sum of "web0": 4db90dbbbce93ceba5f383ef323ded3f.
  EXPECT_EQ(mac_of_label("web0"), "02:4d:b9:0d:bb:bc");
}

TEST(Wanted, GivesANicTheTapMacAndAddressOfItsPort) {
  const auto web = machine("kernel: k, networks: [{label: web0, bridge: lan, ip_addr: 10.0.2.21}]");
  ASSERT_EQ(web.request.nics.size(), 1U);
  const auto& nic = web.request.nics.front();
  EXPECT_EQ(nic.tap_device, "web0");
  EXPECT_EQ(nic.bridge, "lan");
  EXPECT_EQ(nic.guest_ip, "10.0.2.21");
  EXPECT_EQ(nic.gateway_ip, "10.0.2.1");
  EXPECT_EQ(nic.netmask, "255.255.255.0");
  EXPECT_EQ(nic.mac_addr, mac_of_label("web0"));
  EXPECT_EQ(web.request.network_name, "lab");
}

TEST(Wanted, RemembersTheAddressThatAMachineHad) {
  auto surroundings = bare_surroundings();
  surroundings.remembered[{"web", "lan"}] = network::parse_ipv4("10.0.2.99", "address");
  const auto web = machine("kernel: k, networks: [{label: web0, bridge: lan}]", surroundings);
  EXPECT_EQ(web.request.nics.front().guest_ip, "10.0.2.99");
}

TEST(Wanted, AMachineWithoutNetworksHasNone) {
  const auto web = machine("kernel: k");
  EXPECT_FALSE(web.request.network);
  EXPECT_EQ(web.request.network_name, "");
}

TEST(Wanted, TakesPathsFromTheDirectoryThatHoldsData) {
  const auto web = machine("kernel: data/disks/bzImage, initrd: /boot/rd, cdrom: iso/a.iso");
  EXPECT_EQ(web.request.kernel, "/srv/data/disks/bzImage");
  EXPECT_EQ(web.request.initrd, "/boot/rd");
  EXPECT_THAT(web.request.cdroms, ElementsAre("/srv/iso/a.iso"));
}

TEST(Wanted, BootsTheKernelOfTheImageThatWasBuilt) {
  auto surroundings = bare_surroundings();
  surroundings.images["web"] = {"/d/lab-web.qcow2", "s", "/d/lab-web.kernel", "/d/lab-web.initrd", "LABEL=root"};
  const auto web = machine("distribution: debian", surroundings);
  EXPECT_FALSE(web.must_be_built);
  EXPECT_EQ(web.request.rootfs, "/d/lab-web.qcow2");
  EXPECT_EQ(web.request.kernel, "/d/lab-web.kernel");
  EXPECT_EQ(web.request.initrd, "/d/lab-web.initrd");
  EXPECT_EQ(web.request.root_device, "LABEL=root");
  EXPECT_TRUE(web.request.append.starts_with("systemd.machine_id=")) << web.request.append;
  EXPECT_EQ(web.request.append.size(), std::string("systemd.machine_id=").size() + 32);
}

TEST(Wanted, BuildsWhatHasADistributionAndNoImage) {
  EXPECT_TRUE(machine("distribution: debian").must_be_built);
  EXPECT_FALSE(machine("kernel: k").must_be_built);
}

TEST(Wanted, LetsFirmwareBootADiskThatMerosDidNotBuild) {
  const auto web = machine("firmware: uefi");
  EXPECT_EQ(web.request.firmware, vmm::Firmware::uefi);
  EXPECT_FALSE(web.request.kernel);
}

TEST(Wanted, TellsDisksInTheVolumeFromImageFiles) {
  const auto web = machine(
      "kernel: k, disks: [{label: data, size_gb: 20, fs_type: ext4}, {label: extra.qcow2, fs_type: qcow2, size_gb: "
      "3}]");
  ASSERT_EQ(web.request.new_disks.size(), 1U);
  EXPECT_EQ(web.request.new_disks.front().label, "data");
  EXPECT_EQ(web.request.new_disks.front().bytes, std::uint64_t{20} << 30);
  EXPECT_EQ(web.request.new_disks.front().file_system, "ext4");
  ASSERT_EQ(web.image_files.size(), 1U);
  EXPECT_EQ(web.image_files.front().path, "/srv/data/disks/extra.qcow2");
  EXPECT_EQ(web.image_files.front().bytes, std::uint64_t{3} << 30);
  EXPECT_EQ(web.image_files.front().format, vmm::DiskFormat::qcow2);
  EXPECT_THAT(web.request.disks, ElementsAre("/srv/data/disks/extra.qcow2"));
}

TEST(Wanted, TakesTheSizeOfTheRootFromItsPlaceAmongTheDisks) {
  auto surroundings = bare_surroundings();
  surroundings.images["web"].rootfs = "/srv/data/disks/lab-web.qcow2";
  const auto web = machine("disks: [{label: lab-web.qcow2, size_gb: 8, fs_type: qcow2}]", surroundings);
  EXPECT_EQ(web.request.root_bytes, std::uint64_t{8} << 30);
  EXPECT_TRUE(web.image_files.empty());
}

}  // namespace
}  // namespace meros::constellation
