// What is refused: a message that says what and what to do, the exit code, and the host exactly as before (which the
// base class looks at).
#include <gmock/gmock.h>
#include <sys/mount.h>

#include "base/file.h"
#include "integration/machine_test.h"
#include "network/tap.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

class BadInput : public MachineTest {
 protected:
  // `meros create web` with the arguments on top of an ordinary machine on QEMU.
  Result create_with(std::vector<std::string> more) {
    return home().meros(create_arguments("web", qemu(), Guest::halt, std::move(more)));
  }
  // The same without saying how much memory.
  Result create_plain(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"create", "web",      "--no-network",        "--driver",
                                          "qemu",   "--kernel", kernel_of(Guest::halt)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return home().meros(std::move(arguments));
  }
  // The same with a network, on the bridge br0 (10.9.0.1/24).
  Result create_on_bridge(std::vector<std::string> more, const std::string& name = "web") {
    std::vector<std::string> arguments = {"create",  name,  "--driver", "qemu",
                                          "--accel", "tcg", "--kernel", kernel_of(Guest::halt)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return home().meros(std::move(arguments));
  }
};

class BadNetwork : public BadInput {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::namespaces, Need::ip, Need::qemu);
    add_bridge("br0", "10.9.0.1/24");
  }
  void TearDown() override {
    if (!IsSkipped()) ip({"link", "del", "br0"});
    IsolatedTest::TearDown();
  }
};

TEST_F(BadInput, ANameOutsideThePattern) {
  const std::vector<std::string> names = {
      "-web", "_web", "we b", "web/shop/1", "../web", "wéb", "web.1", std::string(64, 'w'), ""};
  for (const auto& name : names)
    EXPECT_TRUE(fails_with(home().meros({"create", "--no-network", "--kernel", kernel_of(Guest::halt), "--", name}),
                           ExitCode::invalid, "the machine name '" + name + "' is not valid"))
        << "name '" << name << "'";
}

TEST_F(BadInput, AVerbOnANameOutsideThePattern) {
  EXPECT_TRUE(fails_with(home().meros({"start", "../web"}), ExitCode::invalid, ""));
}

TEST_F(BadInput, AMissingKernel) {
  EXPECT_TRUE(fails_with(home().meros({"create", "web", "--no-network", "--kernel", "/nowhere/vmlinux"}),
                         ExitCode::not_found, "kernel '/nowhere/vmlinux' does not exist"));
}

TEST_F(BadInput, AMissingTemplateSaysHowToGetIt) {
  EXPECT_TRUE(fails_with(home().meros({"create", "web", "--no-network"}), ExitCode::not_found, "meros image fetch"));
}

TEST_F(BadInput, AMissingRootFileSystem) {
  EXPECT_TRUE(fails_with(create_with({"--rootfs", "/nowhere/rootfs.ext4"}), ExitCode::not_found,
                         "root file system '/nowhere/rootfs.ext4' does not exist"));
}

TEST_F(BadInput, AMissingInitrd) {
  EXPECT_TRUE(fails_with(create_with({"--initrd", "/nowhere/initrd"}), ExitCode::not_found,
                         "initrd '/nowhere/initrd' does not exist"));
}

TEST_F(BadInput, AMissingDisk) {
  EXPECT_TRUE(fails_with(create_with({"--disk", "/nowhere/disk.img"}), ExitCode::not_found,
                         "disk '/nowhere/disk.img' does not exist"));
}

TEST_F(BadInput, ADirectoryForAKernel) {
  EXPECT_TRUE(fails_with(home().meros({"create", "web", "--no-network", "--kernel", "/"}), ExitCode::invalid,
                         "is not a regular file"));
}

TEST_F(BadInput, AMissingBinary) {
  EXPECT_TRUE(fails_with(home().meros({"create", "web", "--no-network", "--kernel", kernel_of(Guest::halt),
                                       "--firecracker-bin", "/nowhere/firecracker"}),
                         ExitCode::host_lacks, "'/nowhere/firecracker' is not a program that can be run"));
}

TEST_F(BadInput, ABinaryThatIsNotInThePath) {
  home().add_environment("PATH=/nowhere");
  EXPECT_TRUE(fails_with(
      home().meros({"create", "web", "--no-network", "--kernel", kernel_of(Guest::halt), "--driver", "firecracker"}),
      ExitCode::host_lacks, "'firecracker' is not installed"));
}

TEST_F(BadInput, MoreThanTheDriverTakes) {
  EXPECT_TRUE(fails_with(create_with({"--cpus", "0"}), ExitCode::invalid, "0 vCPUs are not possible"));
  EXPECT_TRUE(fails_with(create_with({"--cpus", "4000"}), ExitCode::invalid, "4000 vCPUs are not possible"));
  EXPECT_TRUE(fails_with(create_plain({"--memory", "4"}), ExitCode::invalid, "4 MiB of memory are not possible"));
  EXPECT_TRUE(fails_with(create_plain({"--memory", "99999999T"}), ExitCode::invalid, "--memory"));
}

TEST_F(BadInput, MoreThanFirecrackerTakes) {
  EXPECT_TRUE(fails_with(home().meros(create_arguments("web", fake_firecracker_vmm(), Guest::halt, {"--cpus", "33"})),
                         ExitCode::invalid, "33 CPUs: Firecracker takes 1 to 32"));
}

TEST_F(BadInput, ValuesThatAreNone) {
  EXPECT_EQ(create_with({"--cpus", "many"}).code, static_cast<int>(ExitCode::usage));
  EXPECT_TRUE(fails_with(create_plain({"--memory", "much"}), ExitCode::invalid, "much"));
  EXPECT_TRUE(fails_with(create_with({"--restart", "sometimes"}), ExitCode::invalid, "restart policy"));
  EXPECT_TRUE(
      fails_with(home().meros({"create", "web", "--no-network", "--kernel", kernel_of(Guest::halt), "--driver", "xen"}),
                 ExitCode::invalid, "xen"));
  EXPECT_TRUE(
      fails_with(home().meros({"create", "web", "--no-network", "--kernel", kernel_of(Guest::halt), "--accel", "warp"}),
                 ExitCode::invalid, "warp"));
}

TEST_F(BadInput, AnAddressOutsideTheDefaultNetwork) {
  EXPECT_TRUE(fails_with(home().meros({"create", "web", "--kernel", kernel_of(Guest::halt), "--guest-ip", "10.1.1.1"}),
                         ExitCode::invalid,
                         "address 10.1.1.1 is not one for a machine in the network 'default' (10.213.0.1/24)"));
}

TEST_F(BadInput, AKernelThatIsNone) {
  const auto kernel = home().write("kernel", "this boots nothing");
  ASSERT_TRUE(succeeds(
      home().meros({"create", "web", "--no-network", "--driver", "qemu", "--accel", "tcg", "--kernel", kernel})));
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::invalid,
                         "cannot start 'web': 'kernel' is not a kernel for x86_64"));
  EXPECT_EQ(state_of("web"), "failed");
  EXPECT_EQ(supervisor_of("web"), 0);
  must({"delete", "web"});
  std::filesystem::remove(kernel);
}

TEST_F(BadInput, AKernelThatFirecrackerRefuses) {
  const auto kernel = home().write("kernel", "this boots nothing");
  ASSERT_TRUE(succeeds(home().meros({"create", "web", "--no-network", "--firecracker-bin", fake_firecracker(),
                                     "--accel", "kvm", "--kernel", kernel})));
  const Result started = home().meros({"start", "web"});
  EXPECT_TRUE(fails_with(started, ExitCode::invalid, "cannot start 'web': Firecracker refused PUT /actions: "));
  EXPECT_THAT(started.err, HasSubstr("Unable to read elf header")) << "the fault message";
  must({"delete", "web"});
  std::filesystem::remove(kernel);
}

TEST_F(BadInput, ATruncatedConfig) {
  create("web", qemu());
  const auto config = home().volume("web") / "config.json";
  const std::string whole = read_file(config);
  home().write("data/volumes/web/config.json", whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(
      fails_with(home().meros({"start", "web"}), ExitCode::invalid, "config.json': config.json: not valid JSON"));
  EXPECT_EQ(home().meros({"ps", "-a"}).code, 0) << "one bad machine does not hide the others";
  must({"delete", "web"});
}

TEST_F(BadInput, AConfigOfSomethingElse) {
  home().write("data/volumes/web/config.json", R"({"services": {"web": {}}})");
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::invalid, "'name' is missing"));
  must({"delete", "web"});
}

TEST_F(BadInput, AConfigOfANewerVersion) {
  create("web", qemu());
  Json config = parse_json(read_file(home().volume("web") / "config.json"), "config.json");
  config["schema_version"] = 1000;
  home().write("data/volumes/web/config.json", config.dump());
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::invalid, "newer version"));
  must({"delete", "web"});
}

TEST_F(BadInput, AConfigThatPointsOutOfItsVolume) {
  create("web", qemu());
  Json config = parse_json(read_file(home().volume("web") / "config.json"), "config.json");
  config["paths"]["kernel"] = "/etc/passwd";
  home().write("data/volumes/web/config.json", config.dump());
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::not_found, "'passwd' is gone from its volume"));
  must({"delete", "web"});
}

TEST_F(BadInput, AVolumeWithoutItsKernel) {
  create("web", qemu());
  std::filesystem::remove(home().volume("web") / "kernel");
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::not_found, "'kernel' is gone from its volume"));
  must({"delete", "web"});
}

TEST_F(BadInput, ASecondCreate) {
  create("web", qemu());
  EXPECT_TRUE(fails_with(create_with({}), ExitCode::busy, "it exists already"));
  must({"delete", "web"});
}

TEST_F(BadInput, APauseOfAStoppedMachine) {
  create("web", qemu());
  EXPECT_TRUE(fails_with(home().meros({"pause", "web"}), ExitCode::busy, "it is created"));
  must({"delete", "web"});
}

// A file system of 1 MiB for the data directory.
class FullDisk : public BadInput {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::mount, Need::qemu);
    std::filesystem::create_directories(home().data_dir());
    ASSERT_EQ(::mount("tmpfs", home().data_dir().c_str(), "tmpfs", 0, "size=1m"), 0);
  }
  void TearDown() override {
    if (!IsSkipped()) {
      EXPECT_THAT(entries(), testing::IsEmpty());
      EXPECT_EQ(::umount(home().data_dir().c_str()), 0);
    }
    IsolatedTest::TearDown();
  }
  std::vector<std::string> entries() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(home().data_dir() / "volumes"))
      if (entry.path().filename() != ".locks") found.push_back(entry.path().filename());
    return found;
  }
};

TEST_F(FullDisk, CreateLeavesNothing) {
  const auto image = home().write("big.img", std::string(std::size_t{2} << 20, 'x'));
  const Result created = home().meros({"create", "web", "--no-network", "--firecracker-bin", fake_firecracker(),
                                       "--accel", "kvm", "--kernel", kernel_of(Guest::halt), "--rootfs", image});
  EXPECT_TRUE(fails_with(created, ExitCode::failed, "No space left on device"));
  std::filesystem::remove(image);
}

TEST_F(FullDisk, AMachineThatRunsGoesOn) {
  create_and_start("web", qemu());
  const auto filler = home().write("data/filler", "");
  const Fd file = open_file(filler, O_WRONLY);
  const std::string block(4096, 'x');
  while (::write(file.get(), block.data(), block.size()) > 0) {
  }
  EXPECT_EQ(state_of("web"), "running");
  must({"stop", "web"});
  std::filesystem::remove(filler);
  EXPECT_EQ(supervisor_of("web"), 0);
  must({"delete", "web"});
}

TEST_F(BadNetwork, AMissingBridge) {
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br7"}), ExitCode::not_found, "bridge 'br7' does not exist"));
}

TEST_F(BadNetwork, ABridgeThatIsNone) {
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "lo"}), ExitCode::invalid, "'lo' is not a bridge"));
}

TEST_F(BadNetwork, AnAddressOutsideTheSubnet) {
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", "10.8.0.7"}), ExitCode::invalid,
                         "address 10.8.0.7 is not one for a machine in the subnet 10.9.0.0/24"));
}

TEST_F(BadNetwork, AnAddressThatNoMachineCanHave) {
  for (const std::string address : {"10.9.0.0", "10.9.0.255"})
    EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", address}), ExitCode::invalid, address));
}

TEST_F(BadNetwork, TheBridgesOwnAddress) {
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", "10.9.0.1"}), ExitCode::busy, "10.9.0.1"));
}

TEST_F(BadNetwork, WhatIsNoAddress) {
  for (const std::string address : {"10.9.0", "10.9.0.256", "host", "10.9.0.7/24"})
    EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", address}), ExitCode::invalid, address));
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--mac", "ff:ff:ff:ff:ff:ff"}), ExitCode::invalid,
                         "ff:ff:ff:ff:ff:ff"));
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", "10.9.0.7", "--netmask", "255.0.255.0"}),
                         ExitCode::invalid, "255.0.255.0"));
}

TEST_F(BadNetwork, AnAddressThatIsTaken) {
  ASSERT_TRUE(succeeds(create_on_bridge({"--bridge", "br0", "--guest-ip", "10.9.0.7"}, "shop")));
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--guest-ip", "10.9.0.7"}), ExitCode::busy,
                         "address 10.9.0.7 is taken by machine 'shop'"));
  must({"delete", "shop"});
}

TEST_F(BadNetwork, ATapNameThatIsTooLong) {
  EXPECT_TRUE(
      fails_with(create_on_bridge({"--bridge", "br0", "--tap", "a-name-of-16-byt"}), ExitCode::invalid, "16 bytes"));
}

TEST_F(BadNetwork, ATapOfSomebodyElse) {
  ip({"tuntap", "add", "tap7", "mode", "tap"});
  EXPECT_TRUE(
      fails_with(create_on_bridge({"--bridge", "br0", "--tap", "tap7"}), ExitCode::busy, "was not made by meros"));
  ip({"link", "del", "tap7"});
}

TEST_F(BadNetwork, ATapThatIsTaken) {
  ASSERT_TRUE(succeeds(create_on_bridge({"--bridge", "br0", "--tap", "tap7"}, "shop")));
  EXPECT_TRUE(fails_with(create_on_bridge({"--bridge", "br0", "--tap", "tap7"}), ExitCode::busy,
                         "tap 'tap7' is taken by machine 'shop'"));
  must({"delete", "shop"});
}

TEST_F(BadNetwork, ATapInUseByAnotherProcess) {
  ASSERT_TRUE(succeeds(create_on_bridge({"--bridge", "br0", "--tap", "tap7"})));
  {
    const Fd other = meros::network::open_tap("tap7");
    EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::busy, "in use"));
  }
  must({"start", "web"});
  must({"delete", "web"});
}

TEST_F(BadNetwork, ABridgeThatWentAway) {
  add_bridge("br1", "10.8.0.1/24");
  ASSERT_TRUE(succeeds(create_on_bridge({"--bridge", "br1"})));
  ip({"link", "del", "br1"});
  EXPECT_TRUE(fails_with(home().meros({"start", "web"}), ExitCode::not_found, "bridge 'br1' does not exist"));
  must({"delete", "web"});
}

}  // namespace
}  // namespace meros::test
