// The four commands of mergenc, by the letter, on a bridge named docker0.
#include <gmock/gmock.h>

#include "base/file.h"
#include "integration/machine_test.h"
#include "network/tap.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Firecracker only: the stand-in, and the real one where there is one.
class Mergenc : public EachVmm {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::namespaces, Need::ip, Need::fake_firecracker);
    add_bridge("docker0", "172.17.0.1/24");
    std::filesystem::create_directories(home().path() / "images");
    std::filesystem::copy_file(kernel_of(Guest::halt), home().path() / "images/vmlinux.bin");
    home().write("images/rootfs.ext4", std::string(std::size_t{1} << 20, '\0'));
    // The commands find the program in PATH, as the README's do.
    std::filesystem::create_directories(home().path() / "bin");
    std::filesystem::create_symlink(vmm().program, home().path() / "bin/firecracker");
    home().add_environment("PATH=" + (home().path() / "bin").string() + ":" + std::getenv("PATH"));
  }
  void TearDown() override {
    if (!IsSkipped()) {
      ip({"link", "del", "docker0"});
      for (const auto* directory : {"images", "bin"}) std::filesystem::remove_all(home().path() / directory);
    }
    IsolatedTest::TearDown();
  }
  Result create_demo() {
    return home().mergenc(
        {"create", "demo", "--guest-ip", "172.17.0.35", "--gateway-ip", "172.17.0.1", "--netmask", "255.255.255.0"});
  }
  Json config_of_demo() { return parse_json(read_file(home().mergenc_volume("demo") / "config.json"), "config.json"); }
  std::vector<std::string> links() {
    std::vector<std::string> names;
    for (const auto& link : meros::network::list_links()) names.push_back(link.name);
    return names;
  }
};

TEST_P(Mergenc, ItsFourCommandsWork) {
  ASSERT_TRUE(succeeds(create_demo()));
  ASSERT_TRUE(succeeds(home().mergenc({"start", "demo"})));
  EXPECT_TRUE(std::filesystem::exists(home().mergenc_volume("demo") / "firecracker.pid"));
  const Result stopped = home().mergenc({"stop", "demo"});
  EXPECT_TRUE(succeeds(stopped));
  EXPECT_EQ(stopped.out, "stopped demo (ctrl-alt-del)\n");
  ASSERT_TRUE(succeeds(home().mergenc({"delete", "demo"})));
  EXPECT_THAT(links(), UnorderedElementsAre("lo", "docker0"));
  EXPECT_FALSE(std::filesystem::exists(home().mergenc_volume("demo")));
  EXPECT_THAT(processes_of(home().path()), IsEmpty());
}

TEST_P(Mergenc, AVolumeHasTheNamesOfTheSeed) {
  ASSERT_TRUE(succeeds(create_demo()));
  for (const auto* file : {"config.json", "rootfs.ext4", "vmlinux.bin"})
    EXPECT_TRUE(std::filesystem::exists(home().mergenc_volume("demo") / file)) << file;
  ASSERT_TRUE(succeeds(home().mergenc({"start", "demo"})));
  for (const auto* file : {"firecracker.log", "firecracker.pid", "firecracker.sock"})
    EXPECT_TRUE(std::filesystem::exists(home().mergenc_volume("demo") / file)) << file;
  ASSERT_TRUE(succeeds(home().mergenc({"delete", "demo"})));
}

TEST_P(Mergenc, ItsConfigHasTheFieldsOfTheSeed) {
  ASSERT_TRUE(succeeds(create_demo()));
  const Json config = config_of_demo();
  EXPECT_EQ(config.at("name"), "demo");
  EXPECT_EQ(config.at("kernel_args"),
            "ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules random.trust_cpu=on "
            "ip=172.17.0.35::172.17.0.1:255.255.255.0::eth0:off");
  const std::string volume = home().mergenc_volume("demo").string();
  const auto& paths = config.at("paths");
  EXPECT_EQ(paths.at("rootfs"), volume + "/rootfs.ext4");
  EXPECT_EQ(paths.at("kernel"), volume + "/vmlinux.bin");
  EXPECT_EQ(paths.at("socket"), volume + "/firecracker.sock");
  EXPECT_EQ(paths.at("log_file"), volume + "/firecracker.log");
  EXPECT_EQ(paths.at("config"), volume + "/config.json");
  EXPECT_EQ(paths.at("pid_file"), volume + "/firecracker.pid");
  EXPECT_EQ(paths.at("workdir"), volume);
  const auto& network = config.at("network");
  EXPECT_EQ(network.at("bridge"), "docker0");
  EXPECT_EQ(network.at("tap_device"), "fc-demo-tap0");
  EXPECT_EQ(network.at("guest_ip"), "172.17.0.35");
  EXPECT_EQ(network.at("gateway_ip"), "172.17.0.1");
  EXPECT_EQ(network.at("netmask"), "255.255.255.0");
  // Random, locally administered and of one machine: bits 1 and 0 of the first byte.
  EXPECT_THAT(network.at("mac_addr").get<std::string>(), testing::MatchesRegex("[0-9a-f][26ae](:[0-9a-f][0-9a-f])+"));
  EXPECT_EQ(config.at("machine").at("cpu_count"), 1);
  EXPECT_EQ(config.at("machine").at("memory_mb"), 512);
  EXPECT_TRUE(config.at("created_at").is_string());
  ASSERT_TRUE(succeeds(home().mergenc({"delete", "demo"})));
}

TEST_P(Mergenc, ItsTapIsOnTheBridgeAndAsTheSeedSetIt) {
  ASSERT_TRUE(succeeds(create_demo()));
  const auto tap = meros::network::find_link("fc-demo-tap0");
  ASSERT_TRUE(tap.has_value());
  EXPECT_EQ(tap->master, "docker0");
  EXPECT_TRUE(tap->up);
  EXPECT_EQ(tap->alias, "meros " + home().mergenc_volume("demo").string());
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/conf/fc-demo-tap0/proxy_arp"), "1\n");
  EXPECT_EQ(read_file("/proc/sys/net/ipv6/conf/fc-demo-tap0/disable_ipv6"), "1\n");
  ASSERT_TRUE(succeeds(home().mergenc({"delete", "demo"})));
}

TEST_P(Mergenc, TakesItsDirectoriesAndTheProgramByOption) {
  std::filesystem::rename(home().path() / "images", home().path() / "templates");
  const Result created = home().mergenc({"create", "demo", "--guest-ip", "172.17.0.35", "--images-dir", "templates",
                                         "--volumes-dir", "machines", "--firecracker-bin", vmm().program});
  EXPECT_TRUE(succeeds(created));
  EXPECT_TRUE(std::filesystem::exists(home().path() / "machines/demo/config.json"));
  EXPECT_TRUE(succeeds(home().mergenc({"start", "demo", "--volumes-dir", "machines"})));
  // As the Go program: an option of every verb, before or after it, though these need none.
  EXPECT_TRUE(
      succeeds(home().mergenc({"--firecracker-bin", vmm().program, "stop", "demo", "--volumes-dir", "machines"})));
  EXPECT_TRUE(succeeds(
      home().mergenc({"delete", "demo", "--volumes-dir", "machines", "--firecracker-bin", "/nowhere/firecracker"})));
  std::filesystem::rename(home().path() / "templates", home().path() / "images");
}

// Exactly what the Go program wrote: its fields and no others, paths relative to where it was started.
TEST_P(Mergenc, UnderstandsAVolumeOfTheGoProgram) {
  home().write("volumes/demo/config.json", R"({
  "name": "demo",
  "kernel_args": "ro console=ttyS0 noapic reboot=k panic=1 pci=off nomodules random.trust_cpu=on ip=172.17.0.35::172.17.0.1:255.255.255.0::eth0:off",
  "paths": {
    "rootfs": "volumes/demo/rootfs.ext4",
    "kernel": "volumes/demo/vmlinux.bin",
    "socket": "volumes/demo/firecracker.sock",
    "log_file": "volumes/demo/firecracker.log",
    "config": "volumes/demo/config.json",
    "pid_file": "volumes/demo/firecracker.pid",
    "workdir": "volumes/demo"
  },
  "network": {
    "bridge": "docker0",
    "tap_device": "fc-demo-tap0",
    "guest_ip": "172.17.0.35",
    "gateway_ip": "172.17.0.1",
    "netmask": "255.255.255.0",
    "mac_addr": "02:4a:9c:11:70:5e"
  },
  "machine": {
    "cpu_count": 1,
    "memory_mb": 128
  },
  "created_at": "2024-11-02T10:15:30.123456789+01:00"
}
)");
  std::filesystem::copy_file(kernel_of(Guest::halt), home().mergenc_volume("demo") / "vmlinux.bin");
  home().write("volumes/demo/rootfs.ext4", std::string(std::size_t{1} << 20, '\0'));
  // It made the TAP at create, without an alias, and left a pid that is somebody else's by now.
  ip({"tuntap", "add", "fc-demo-tap0", "mode", "tap"});
  ip({"link", "set", "fc-demo-tap0", "master", "docker0", "up"});
  home().write("volumes/demo/firecracker.pid", "1");
  home().write("volumes/demo/firecracker.log", "");

  EXPECT_TRUE(succeeds(home().mergenc({"start", "demo"})));
  EXPECT_TRUE(meros::network::find_link("fc-demo-tap0").has_value());
  EXPECT_EQ(meros::network::find_link("fc-demo-tap0")->alias, "meros " + home().mergenc_volume("demo").string());
  const Result stopped = home().mergenc({"stop", "demo"});
  EXPECT_EQ(stopped.out, "stopped demo (ctrl-alt-del)\n");
  EXPECT_TRUE(succeeds(home().mergenc({"start", "demo"})));
  EXPECT_TRUE(succeeds(home().mergenc({"delete", "demo"})));
  EXPECT_THAT(links(), UnorderedElementsAre("lo", "docker0"));
}

TEST_P(Mergenc, WithoutTheBridgeSaysWhatToDo) {
  ip({"link", "set", "docker0", "name", "docker1"});
  EXPECT_TRUE(fails_with(create_demo(), ExitCode::not_found, "bridge 'docker0' does not exist"));
  ip({"link", "set", "docker1", "name", "docker0"});
}

INSTANTIATE_TEST_SUITE_P(On, Mergenc, testing::ValuesIn([] {
                           auto vmms = all_vmms();
                           std::erase_if(vmms, [](const Vmm& vmm) { return vmm.driver != "firecracker"; });
                           return vmms;
                         }()),
                         [](const auto& instance) { return instance.param.title; });

}  // namespace
}  // namespace meros::test
