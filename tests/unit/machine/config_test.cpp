#include "machine/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/json.h"

namespace meros::machine {
namespace {

// What the Go mergenc writes, field for field.
constexpr auto seed = R"({
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
    "mac_addr": "02:11:22:33:44:55"
  },
  "machine": {"cpu_count": 2, "memory_mb": 256},
  "created_at": "2024-05-01T10:00:00Z"
})";

std::string message_of(const std::string& text) {
  try {
    parse_config(text, "/v/demo");
  } catch (const InvalidError& e) {
    return e.message();
  }
  return "accepted";
}

std::string with(const std::string& pointer, const Json& value) {
  Json json = Json::parse(seed);
  json[Json::json_pointer(pointer)] = value;
  return json.dump();
}

TEST(Config, OfTheGoProgramIsUnderstood) {
  const Config config = parse_config(seed, "/v/demo");
  EXPECT_EQ(config.name, "demo");
  EXPECT_EQ(config.driver, "firecracker");
  EXPECT_EQ(config.accel, "auto");
  EXPECT_EQ(config.kernel, "vmlinux.bin");
  ASSERT_TRUE(config.root);
  EXPECT_EQ(config.root->path, "rootfs.ext4");
  EXPECT_EQ(config.root->format, vmm::DiskFormat::raw);
  EXPECT_EQ(config.cpu_count, 2U);
  EXPECT_EQ(config.memory_mb, 256U);
  ASSERT_TRUE(config.network);
  EXPECT_EQ(config.network->tap_device, "fc-demo-tap0");
  EXPECT_EQ(config.restart.when, RestartPolicy::When::no);
}

TEST(Config, IsWrittenWithTheSeedsFieldsUnderTheirNames) {
  const Json written = to_json(parse_config(seed, "/v/demo"));
  const Json original = Json::parse(seed);
  for (const auto& [key, value] : original.items()) {
    ASSERT_TRUE(written.contains(key)) << key;
    if (!value.is_object()) continue;
    for (const auto& [inner, ignored] : value.items())
      EXPECT_TRUE(written.at(key).contains(inner)) << key << "." << inner;
  }
  EXPECT_EQ(written["paths"]["socket"], "/v/demo/firecracker.sock");
  EXPECT_EQ(written["kernel_args"], original["kernel_args"]);
}

TEST(Config, IsReadBackAsItWasWritten) {
  Config config = parse_config(seed, "/v/demo");
  config.driver = "qemu";
  config.accel = "tcg";
  config.initrd = "initrd";
  config.root->format = vmm::DiskFormat::qcow2;
  config.root->backing_path = "/images/base.ext4";
  config.root->backing_stamp = "1:2:3";
  config.disks.push_back({"/elsewhere/data.raw", vmm::DiskFormat::raw, true, std::nullopt, vmm::DiskFormat::raw, ""});
  config.restart = parse_restart_policy("on-failure:3");
  config.owner = {"/data", "lab", 1000};
  config.vmm_uid = 1900000000;
  const Json once = to_json(config);
  EXPECT_EQ(to_json(parse_config(once.dump(), "/v/demo")), once);
}

TEST(Config, WithoutANetworkOrARootStaysWithout) {
  Config config = parse_config(seed, "/v/demo");
  config.network.reset();
  config.root.reset();
  const Config again = parse_config(to_json(config).dump(), "/v/demo");
  EXPECT_FALSE(again.network);
  EXPECT_FALSE(again.root);
}

TEST(Config, ReachesNothingOutsideItsVolume) {
  EXPECT_EQ(parse_config(with("/paths/kernel", "/etc/shadow"), "/v/demo").kernel, "shadow");
  EXPECT_EQ(parse_config(with("/paths/rootfs", "../../../dev/sda"), "/v/demo").root->path, "sda");
  EXPECT_EQ(message_of(with("/paths/kernel", "..")), "'paths.kernel' does not name a file");
  EXPECT_EQ(message_of(with("/paths/kernel", "volumes/")), "'paths.kernel' does not name a file");
  EXPECT_EQ(message_of(with("/paths/rootfs", std::string("a\0b", 3))), "'paths.rootfs' does not name a file");
}

TEST(Config, RefusesHostileText) {
  EXPECT_EQ(message_of(""), "config.json: not valid JSON (at byte 1 of 0)");
  EXPECT_EQ(message_of(std::string(seed).substr(0, 200)), "config.json: not valid JSON (at byte 201 of 200)");
  EXPECT_EQ(message_of("[]"), "an object was expected around 'schema_version'");
  EXPECT_EQ(message_of("{}"), "'name' is missing");
  EXPECT_EQ(message_of(with("/name", 7)), "'name' is not a string");
  EXPECT_EQ(message_of(with("/name", "../x")), "the machine name '../x' is not valid");
  EXPECT_EQ(message_of(with("/name", std::string(64, 'a'))),
            "the machine name '" + std::string(64, 'a') + "' is not valid");
  EXPECT_EQ(message_of(with("/machine/cpu_count", -1)), "'cpu_count' is not a number in range");
  EXPECT_EQ(message_of(with("/machine/cpu_count", 1.5)), "'cpu_count' is not a whole number");
  EXPECT_EQ(message_of(with("/machine/cpu_count", 0)), "'machine.cpu_count' is 0");
  EXPECT_EQ(message_of(with("/machine/memory_mb", "lots")), "'memory_mb' is not a whole number");
  EXPECT_EQ(message_of(with("/machine/memory_mb", 0)), "'machine.memory_mb' is 0");
  EXPECT_EQ(message_of(with("/machine", nullptr)), "'machine' is missing");
  EXPECT_EQ(message_of(with("/paths", "x")), "an object was expected around 'kernel'");
  EXPECT_EQ(message_of(with("/schema_version", 99)),
            "it is of a newer version of meros (schema_version 99, this one knows 1)");
  EXPECT_NE(message_of(with("/network/mac_addr", "zz")), "accepted");
  EXPECT_NE(message_of(with("/network/guest_ip", "300.1.1.1")), "accepted");
  EXPECT_NE(message_of(with("/driver", "vmware")), "accepted");
  EXPECT_NE(message_of(with("/accel", "warp")), "accepted");
  EXPECT_NE(message_of(with("/arch", "m68k")), "accepted");
  EXPECT_EQ(message_of(with("/restart", "maybe")), "the restart policy is not valid");
}

TEST(Config, ThatIsMissingNamesItsFile) {
  const TemporaryDirectory directory;
  try {
    read_config(directory.path());
    FAIL();
  } catch (const NotFoundError& e) {
    EXPECT_EQ(e.message(), "'" + (directory.path() / "config.json").string() + "' does not exist");
  }
}

TEST(Config, ThatIsTruncatedNamesItsFile) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "config.json") << "{\"name\": \"de";
  try {
    read_config(directory.path());
    FAIL();
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "cannot use '" + (directory.path() / "config.json").string() +
                               "': config.json: not valid JSON (at byte 13 of 12)");
  }
}

TEST(Spec, HasWhatTheConfigSays) {
  const vmm::Spec spec = to_spec(parse_config(seed, "/v/demo"), vmm::Accel::kvm);
  EXPECT_EQ(spec.vcpus, 2U);
  EXPECT_EQ(spec.memory_mib, 256U);
  EXPECT_EQ(spec.kernel, "vmlinux.bin");
  ASSERT_EQ(spec.disks.size(), 1U);
  EXPECT_EQ(spec.disks[0].serial, "rootfs");
  ASSERT_EQ(spec.nics.size(), 1U);
  EXPECT_EQ(spec.nics[0].tap, "fc-demo-tap0");
  EXPECT_EQ(spec.nics[0].mac, "02:11:22:33:44:55");
}

}  // namespace
}  // namespace meros::machine
