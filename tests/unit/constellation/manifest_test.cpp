// Manifests that are right, and what they become.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "constellation/manifest.h"

namespace meros::constellation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Environment environment(std::string constellation = "demo") {
  Environment environment;
  environment.variables = {{"HOME", "/home/me"}, {"MEMORY", "4G"}, {"NAME", "b"}, {"EMPTY", ""}};
  environment.constellation = std::move(constellation);
  return environment;
}

// The manifest, which must have neither errors nor warnings.
Manifest parse(const std::string& text, const Environment& with = environment()) {
  ParseResult result = parse_manifest(text, "manifest.yml", with);
  for (const auto& diagnostic : result.diagnostics) ADD_FAILURE() << diagnostic.render();
  if (!result.manifest) throw std::runtime_error("the manifest has errors");
  return *std::move(result.manifest);
}

Machine parse_machine(const std::string& fields) {
  return parse("virtual_machines: {web: {" + fields + "}}").machines[0];
}

TEST(Manifest, ReadsEveryFieldOfTheDocumentedExample) {
  const Manifest manifest = parse(R"(
bridges:
  lab:
    subnet: 10.0.2.1/24          # the bridge's own address, and the subnet
    policy_type: host-access     # or isolated
    allowed_ports: [22, 80, 443] # default
    allowed_ips: []              # list or one string
    allow_icmp: true
    auto_create: true
virtual_machines:
  db: {distribution: debian, networks: [{label: db0, bridge: lab}]}
  web:
    distribution: debian
    release: bookworm
    arch: x86_64
    count: 1
    driver: auto
    memory: 2G
    cpus: 2
    accel: auto
    display: false
    kernel: image
    cdrom: ~/installer.iso
    packages: [nginx]
    build_free_mb: 500
    networks: [{label: web0, bridge: lab, ip_addr: 10.0.2.21, model: virtio-net-pci, mac: "02:00:00:00:00:0A"}]
    disks: [{label: data, size_gb: 20, fs_type: ext4, mount_point: /srv}]
    depends_on: [db]
    ready: ssh
    restart: on-failure:3
    qemu_args: ["-cpu", "max"]
)");
  ASSERT_EQ(manifest.bridges.size(), 1U);
  const Bridge& bridge = manifest.bridges[0];
  EXPECT_EQ(bridge.name, "lab");
  EXPECT_EQ(bridge.subnet->to_string(), "10.0.2.1/24");
  EXPECT_EQ(bridge.policy, Policy::host_access);
  EXPECT_THAT(bridge.allowed_ports, ElementsAre(22, 80, 443));
  EXPECT_THAT(bridge.allowed_ips, IsEmpty());
  EXPECT_TRUE(bridge.allow_icmp && bridge.auto_create);
  EXPECT_FALSE(bridge.peer_isolation || bridge.host_loopback);

  EXPECT_EQ(manifest.uplink, Uplink::automatic);
  ASSERT_EQ(manifest.machines.size(), 2U);
  const Machine& web = manifest.machines[1];
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.group, "web");
  EXPECT_EQ(web.index, 0U);
  EXPECT_EQ(web.distribution, Distribution::debian);
  EXPECT_EQ(web.release, "bookworm");
  EXPECT_EQ(web.arch, vmm::Arch::x86_64);
  EXPECT_EQ(web.driver, "auto");
  EXPECT_EQ(web.memory_mib, 2048U);
  EXPECT_EQ(web.cpus, 2U);
  EXPECT_EQ(web.accel, "auto");
  EXPECT_FALSE(web.display);
  EXPECT_EQ(web.kernel.from, Kernel::From::image);
  EXPECT_THAT(web.cdroms, ElementsAre("/home/me/installer.iso"));
  EXPECT_THAT(web.packages, ElementsAre("nginx"));
  EXPECT_EQ(web.build_free_mb, 500U);
  ASSERT_EQ(web.networks.size(), 1U);
  EXPECT_EQ(web.networks[0].label, "web0");
  EXPECT_EQ(web.networks[0].bridge, "lab");
  EXPECT_EQ(web.networks[0].ip_addr->to_string(), "10.0.2.21");
  EXPECT_EQ(web.networks[0].model, NicModel::virtio_net_pci);
  EXPECT_EQ(web.networks[0].mac, "02:00:00:00:00:0a");
  ASSERT_EQ(web.disks.size(), 1U);
  EXPECT_EQ(web.disks[0].label, "data");
  EXPECT_EQ(web.disks[0].size_gb, 20U);
  EXPECT_EQ(web.disks[0].fs_type, FileSystem::ext4);
  EXPECT_EQ(web.disks[0].mount_point, "/srv");
  EXPECT_FALSE(web.disks[0].is_image_file() || web.disks[0].is_root);
  EXPECT_THAT(web.depends_on, ElementsAre("db"));
  EXPECT_EQ(web.ready.to_string(), "ssh");
  EXPECT_EQ(web.restart.when, machine::RestartPolicy::When::on_failure);
  EXPECT_EQ(web.restart.limit, 3U);
  EXPECT_THAT(web.qemu_args, ElementsAre("-cpu", "max"));
}

TEST(Manifest, FillsInWhatIsNotWritten) {
  const Machine bare = parse_machine("");
  EXPECT_EQ(bare.distribution, Distribution::none);
  EXPECT_EQ(bare.release, "");
  EXPECT_EQ(bare.memory_mib, 2048U);
  EXPECT_EQ(bare.cpus, 2U);
  EXPECT_EQ(bare.kernel.from, Kernel::From::firmware);
  EXPECT_EQ(bare.firmware, vmm::Firmware::bios);
  EXPECT_EQ(bare.ready.by, Ready::By::none);
  EXPECT_EQ(bare.restart.when, machine::RestartPolicy::When::no);

  EXPECT_EQ(parse_machine("distribution: debian").release, "bookworm");
  EXPECT_EQ(parse_machine("distribution: ubuntu").release, "noble");
  EXPECT_EQ(parse_machine("distribution: alpine").release, "latest-stable");
  EXPECT_EQ(parse_machine("distribution: debian").kernel.from, Kernel::From::image);
  EXPECT_EQ(parse_machine("arch: aarch64").firmware, vmm::Firmware::uefi);
}

TEST(Manifest, TakesTheArchitectureOfTheHost) {
  Environment host = environment();
  host.host_arch = vmm::Arch::aarch64;
  const Machine machine = parse("virtual_machines: {web: {}}", host).machines[0];
  EXPECT_EQ(machine.arch, vmm::Arch::aarch64);
  EXPECT_EQ(machine.firmware, vmm::Firmware::uefi);
}

TEST(Manifest, IsReadyBySshWhereItIsBuiltAndHasANetwork) {
  const Manifest manifest = parse(R"(
bridges: {lab: {subnet: 10.0.2.1/24}}
virtual_machines:
  built: {distribution: debian, networks: [{bridge: lab}]}
  alone: {distribution: debian}
  brought: {networks: [{bridge: lab}]}
)");
  EXPECT_EQ(manifest.machines[0].ready.to_string(), "ssh");
  EXPECT_EQ(manifest.machines[1].ready.to_string(), "none");
  EXPECT_EQ(manifest.machines[2].ready.to_string(), "none");
}

TEST(Manifest, ReadsTheWaysToBeReady) {
  for (const std::string text : {"tcp:80", "console:login: ", "exec:test -e /run/ready", "ssh", "none"}) {
    const Manifest manifest = parse("bridges: {lab: {subnet: 10.0.2.1/24}}\nvirtual_machines:\n  web:\n    ready: \"" +
                                    text + "\"\n    networks: [{bridge: lab}]\n");
    EXPECT_EQ(manifest.machines[0].ready.to_string(), text);
  }
}

TEST(Manifest, ReadsAnAlpineMachineWithKernelAndDisplay) {
  const Manifest manifest = parse(R"(
bridges:
  alpine_br:
    subnet: "10.0.2.1/24"
    policy_type: host-access
    allowed_ports: [80, 443]

virtual_machines:
  alpine:
    distribution: "alpine"
    memory: "6G"
    kernel: data/disks/bzImage
    display: True
    build_free_mb: 1000
    networks:
      - label: tap_alpine_01
        bridge: alpine_br
        ip_addr: "10.0.2.21"
        model: virtio-net-pci
    disks:
      - label: alpine-alpine.qcow2
        fs_type: qcow2
)",
                                  environment("alpine"));
  const Machine& alpine = manifest.machines[0];
  EXPECT_EQ(alpine.kernel.from, Kernel::From::path);
  EXPECT_EQ(alpine.kernel.path, "data/disks/bzImage");
  EXPECT_TRUE(alpine.display);
  EXPECT_EQ(alpine.memory_mib, 6144U);
  EXPECT_EQ(alpine.build_free_mb, 1000U);
  ASSERT_EQ(alpine.disks.size(), 1U);
  EXPECT_TRUE(alpine.disks[0].is_image_file());
  EXPECT_TRUE(alpine.disks[0].is_root) << "it is the machine's own image";
  EXPECT_EQ(alpine.disks[0].size_gb, 2U);
}

TEST(Manifest, ReadsAnAarch64MachineWithExtraArgs) {
  const Manifest manifest = parse(R"(
bridges:
  aarch64_br_01:
    subnet: "10.0.2.1/24"
    policy_type: host-access
    allowed_ports: [22, 80, 443]

virtual_machines:
  arm_alpine:
    distribution: "alpine"
    arch: "aarch64"
    memory: "2G"
    display: False
    build_free_mb: 500
    networks:
      - label: tap_arm_alp_01
        bridge: aarch64_br_01
        ip_addr: "10.0.2.21"
        model: virtio-net-pci
    disks:
      - label: "generic_alpine-3.21.0-aarch64-uefi-tiny-r0.qcow2"
        fs_type: qcow2
    extra_args:
      - "-machine virt"
      - "-cpu cortex-a57"
      - "-bios /usr/share/AAVMF/AAVMF_CODE.fd"
)",
                                  environment("aarch64"));
  const Machine& machine = manifest.machines[0];
  EXPECT_EQ(machine.arch, vmm::Arch::aarch64);
  EXPECT_FALSE(machine.disks[0].is_root);
  EXPECT_THAT(machine.qemu_args,
              ElementsAre("-machine", "virt", "-cpu", "cortex-a57", "-bios", "/usr/share/AAVMF/AAVMF_CODE.fd"));
}

constexpr std::string_view three_nodes = R"(bridges:
  proxmox_br:
    subnet: "10.0.4.1/24"
    policy_type: isolated
    allowed_ips: [192.168.100.0/24]

virtual_machines:
  node01:
    display: True
    memory: "2G"
    kvm: True
    networks:
      - label: tap_node01
        bridge: proxmox_br
        ip_addr: "10.0.4.10"
        model: virtio-net-pci
    disks:
      - label: proxmox-node01.qcow2
        fs_type: "qcow2"
        size_gb: 20
    extra_args:
      - "-cdrom ~/proxmox-ve_8.4-1.iso"

  node02:
    memory: "2G"
    display: True
    kvm: False
    networks:
      - label: tap_node02
        bridge: proxmox_br
        ip_addr: "10.0.4.20"
        model: virtio-net-pci
    disks:
      - label: proxmox-node02.qcow2
        fs_type: "qcow2"
        size_gb: 20
    extra_args:
      - "-cdrom ~/proxmox-ve_8.4-1.iso"

  node03:
    display: True
    memory: "2G"
    kvm: True
    networks:
      - label: tap_node03
        bridge: pmox_br
        ip_addr: "10.0.4.30"
        model: virtio-net-pci
    disks:
      - label: mos_pmox-node03.qcow2
        fs_type: "qcow2"
        size_gb: 20
    extra_args:
      - "-cdrom ~/proxmox-ve_8.4-1.iso"
)";

TEST(Manifest, SaysWhichBridgeOfThreeNodesIsNotDefined) {
  const ParseResult result = parse_manifest(std::string(three_nodes), "manifest.yml", environment("proxmox"));
  EXPECT_FALSE(result.manifest);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].render(),
            "manifest.yml:46:17: error: bridge 'pmox_br' is not defined\n"
            "        bridge: pmox_br\n"
            "                ^\n"
            "help: did you mean 'proxmox_br'?");
}

TEST(Manifest, ReadsThreeNodesOnceTheBridgeIsRight) {
  std::string text(three_nodes);
  text.replace(text.find("pmox_br\n"), std::string_view("pmox_br").size(), "proxmox_br");
  const Manifest manifest = parse(text, environment("proxmox"));
  ASSERT_EQ(manifest.machines.size(), 3U);
  EXPECT_EQ(manifest.bridges[0].policy, Policy::isolated);
  EXPECT_EQ(manifest.bridges[0].allowed_ips[0].to_string(), "192.168.100.0/24");
  const Machine& node = manifest.machines[0];
  EXPECT_EQ(node.accel, "auto");
  EXPECT_EQ(manifest.machines[1].accel, "tcg");
  EXPECT_EQ(node.kernel.from, Kernel::From::firmware);
  EXPECT_THAT(node.qemu_args, ElementsAre("-cdrom", "/home/me/proxmox-ve_8.4-1.iso"));
  EXPECT_TRUE(node.disks[0].is_root);
  EXPECT_EQ(node.disks[0].size_gb, 20U);
  EXPECT_FALSE(manifest.machines[2].disks[0].is_root);
}

TEST(Manifest, MakesAsManyMachinesAsCountSays) {
  const Manifest manifest = parse(R"(
bridges: {lab: {subnet: 10.0.2.1/24}, dmz: {subnet: 10.0.3.1/24}}
virtual_machines:
  web:
    count: 3
    networks: [{label: net, bridge: lab}, {bridge: dmz}]
    depends_on: [db]
  db: {count: 2}
  front: {depends_on: [web-2, db, db-1]}
)");
  ASSERT_EQ(manifest.machines.size(), 6U);
  const Machine& second = manifest.machines[1];
  EXPECT_EQ(second.name, "web-2");
  EXPECT_EQ(second.group, "web");
  EXPECT_EQ(second.index, 2U);
  EXPECT_EQ(second.networks[0].label, "net-2");
  EXPECT_EQ(second.networks[1].label, "web-2-1");
  EXPECT_THAT(second.depends_on, ElementsAre("db-1", "db-2"));
  EXPECT_THAT(manifest.machines[5].depends_on, ElementsAre("web-2", "db-1", "db-2"));
  EXPECT_EQ(manifest.find_machine("db-2")->index, 2U);
  EXPECT_EQ(manifest.find_machine("db"), nullptr);
}

TEST(Manifest, TakesOneTextForAListOfOne) {
  const Manifest manifest = parse(R"(
bridges:
  lab: {subnet: 10.0.2.1/24, policy_type: isolated, allowed_ips: 10.9.0.0/16}
  dmz: {subnet: 10.0.3.1/24, policy_type: isolated, allowed_ips: "192.168.7.4, 192.168.8.0/24 192.168.9.1"}
  web: {subnet: 10.0.4.1/24, allowed_ports: 8080}
virtual_machines:
  db: {}
  one:
    distribution: debian
    packages: nginx
    cdrom: /srv/a.iso
    depends_on: db
    qemu_args: -cpu max -name "a b"
    mirrors: http://deb.debian.org/debian
)");
  EXPECT_EQ(manifest.bridges[0].allowed_ips[0].to_string(), "10.9.0.0/16");
  ASSERT_EQ(manifest.bridges[1].allowed_ips.size(), 3U);
  EXPECT_EQ(manifest.bridges[1].allowed_ips[0].to_string(), "192.168.7.4/32");
  EXPECT_THAT(manifest.bridges[2].allowed_ports, ElementsAre(8080));
  const Machine& machine = manifest.machines[1];
  EXPECT_THAT(machine.packages, ElementsAre("nginx"));
  EXPECT_THAT(machine.cdroms, ElementsAre("/srv/a.iso"));
  EXPECT_THAT(machine.depends_on, ElementsAre("db"));
  EXPECT_THAT(machine.qemu_args, ElementsAre("-cpu", "max", "-name", "a b"));
  EXPECT_THAT(machine.mirrors, ElementsAre("http://deb.debian.org/debian"));
}

TEST(Manifest, TakesNothingForAnEmptyList) {
  const Machine machine = parse("virtual_machines:\n  web:\n    packages:\n    networks:\n    disks: ~\n").machines[0];
  EXPECT_THAT(machine.packages, IsEmpty());
  EXPECT_THAT(machine.networks, IsEmpty());
}

TEST(Manifest, ReadsSizesAsQemuDoes) {
  EXPECT_EQ(parse_machine("memory: 512").memory_mib, 512U);
  EXPECT_EQ(parse_machine("memory: 512M").memory_mib, 512U);
  EXPECT_EQ(parse_machine("memory: 2g").memory_mib, 2048U);
  EXPECT_EQ(parse_machine("memory: 1GiB").memory_mib, 1024U);
  EXPECT_EQ(parse_machine("memory: \"1T\"").memory_mib, 1048576U);
}

TEST(Manifest, ReadsFlagsInEverySpelling) {
  for (const char* yes : {"true", "True", "TRUE", "yes", "on", "\"true\""})
    EXPECT_TRUE(parse_machine(std::string("display: ") + yes).display) << yes;
  for (const char* no : {"false", "False", "no", "Off"})
    EXPECT_FALSE(parse_machine(std::string("display: ") + no).display) << no;
}

TEST(Manifest, KeepsTheTextOfARelease) {
  EXPECT_EQ(parse_machine("distribution: alpine, release: 3.20").release, "3.20") << "not the number 3.2";
}

TEST(Manifest, ReadsASubnetWrittenByItsNetworkAddress) {
  const Manifest manifest = parse(R"(
bridges: {lab: {subnet: 10.0.10.0/24}}
virtual_machines: {web: {networks: [{bridge: lab, ip_addr: 10.0.10.21}]}}
)");
  EXPECT_EQ(manifest.bridges[0].subnet->to_string(), "10.0.10.1/24");
}

TEST(Manifest, JoinsABridgeOfTheHostWithoutASubnet) {
  const Manifest manifest = parse(R"(
bridges: {br-lan: {auto_create: false}}
virtual_machines: {web: {networks: [{bridge: br-lan, ip_addr: 192.168.1.7}]}}
)");
  EXPECT_FALSE(manifest.bridges[0].auto_create);
  EXPECT_FALSE(manifest.bridges[0].subnet);
}

TEST(Manifest, ReadsTheFlagsOfABridge) {
  const Manifest manifest = parse(R"(
uplink: pasta
bridges:
  lab: {subnet: 10.0.2.1/24, peer_isolation: true, host_loopback: true, allow_icmp: no}
virtual_machines: {web: {}}
)");
  EXPECT_EQ(manifest.uplink, Uplink::pasta);
  EXPECT_TRUE(manifest.bridges[0].peer_isolation && manifest.bridges[0].host_loopback);
  EXPECT_FALSE(manifest.bridges[0].allow_icmp);
  EXPECT_EQ(manifest.find_bridge("lab"), &manifest.bridges[0]);
  EXPECT_EQ(manifest.find_bridge("lob"), nullptr);
}

TEST(Manifest, MergesMaps) {
  const Manifest manifest = parse(R"(
x-small: &small {cpus: 1, memory: 512M}
x-built: &built {distribution: debian, memory: 1G}
virtual_machines:
  one: {<<: *small}
  two: {<<: [*small, *built], cpus: 4}
  three:
    memory: 3G
    <<: *built
)");
  EXPECT_EQ(manifest.machines[0].cpus, 1U);
  EXPECT_EQ(manifest.machines[1].cpus, 4U) << "what is written wins";
  EXPECT_EQ(manifest.machines[1].memory_mib, 512U) << "then the earlier of the list";
  EXPECT_EQ(manifest.machines[1].distribution, Distribution::debian);
  EXPECT_EQ(manifest.machines[2].memory_mib, 3072U) << "in whatever order";
}

TEST(Manifest, MergesAMergedMap) {
  const Manifest manifest = parse(R"(
x-a: &a {cpus: 1}
x-b: &b {<<: *a, memory: 512M}
virtual_machines: {web: {<<: *b}}
)");
  EXPECT_EQ(manifest.machines[0].cpus, 1U);
  EXPECT_EQ(manifest.machines[0].memory_mib, 512U);
}

TEST(Manifest, TakesAnAliasForTheNodeItMeans) {
  const Manifest manifest = parse(R"(
virtual_machines:
  one: &one {distribution: debian, packages: &web [nginx, curl]}
  two: *one
  three: {distribution: debian, packages: *web, memory: &m 1G}
  four: {memory: *m}
)");
  EXPECT_THAT(manifest.machines[1].packages, ElementsAre("nginx", "curl"));
  EXPECT_THAT(manifest.machines[2].packages, ElementsAre("nginx", "curl"));
  EXPECT_EQ(manifest.machines[3].memory_mib, 1024U);
}

TEST(Manifest, GivesEveryMachineTheDefaults) {
  const Manifest manifest = parse(R"(
defaults: {distribution: debian, memory: 1G, packages: [curl]}
virtual_machines:
  one: {}
  two:
  three: {memory: 2G, packages: [nginx]}
)");
  EXPECT_EQ(manifest.machines[0].memory_mib, 1024U);
  EXPECT_EQ(manifest.machines[1].distribution, Distribution::debian);
  EXPECT_EQ(manifest.machines[2].memory_mib, 2048U);
  EXPECT_THAT(manifest.machines[2].packages, ElementsAre("nginx")) << "a field is replaced as a whole";
}

TEST(Manifest, PrefersAMergedMapToDefaults) {
  const Manifest manifest = parse(R"(
x-big: &big {memory: 8G}
defaults: {memory: 1G, cpus: 1}
virtual_machines: {web: {<<: *big}}
)");
  EXPECT_EQ(manifest.machines[0].memory_mib, 8192U);
  EXPECT_EQ(manifest.machines[0].cpus, 1U);
}

TEST(Manifest, PrefersAnOldNameToDefaults) {
  const Manifest manifest = parse(R"(
defaults: {accel: kvm, qemu_args: [-cpu, max]}
virtual_machines: {web: {kvm: false, extra_args: -cpu qemu64}}
)");
  EXPECT_EQ(manifest.machines[0].accel, "tcg");
  EXPECT_THAT(manifest.machines[0].qemu_args, ElementsAre("-cpu", "qemu64"));
}

TEST(Manifest, DoesNotWarnOfDefaultsThatDoNotConcernAMachine) {
  const Manifest manifest = parse(R"(
defaults: {release: trixie, packages: [curl], firmware: uefi, append: quiet}
virtual_machines: {own: {}, built: {distribution: debian}}
)");
  EXPECT_EQ(manifest.machines[1].release, "trixie");
}

TEST(Manifest, SubstitutesVariables) {
  const Manifest manifest = parse(R"(
virtual_machines:
  a: {memory: "${MEMORY}", cpus: "${CPUS:-3}", depends_on: ["${NAME}"], kernel: "/boot/${NONE:-x${EMPTY:-y}}$$"}
  b: {}
)");
  EXPECT_EQ(manifest.machines[0].memory_mib, 4096U);
  EXPECT_EQ(manifest.machines[0].cpus, 3U);
  EXPECT_THAT(manifest.machines[0].depends_on, ElementsAre("b"));
  EXPECT_EQ(manifest.machines[0].kernel.path, "/boot/xy$");
}

TEST(Manifest, KnowsWhereEveryValueWasWritten) {
  const Manifest manifest = parse(R"(x-common: &common {cpus: 1}
defaults:
  memory: 1G
bridges:
  lab: {subnet: 10.0.2.1/24}
virtual_machines:
  web:
    <<: *common
    kernel: missing/bzImage
    packages:
      - nginx
      - curl
    distribution: debian
    networks:
      - label: web0
        bridge: lab
)");
  const Machine& web = manifest.machines[0];
  const auto place = [](Position at) { return std::pair(at.line, at.column); };
  EXPECT_EQ(place(web.written.at), std::pair(7UL, 3UL));
  EXPECT_EQ(place(web.written.of("kernel")), std::pair(9UL, 13UL));
  EXPECT_EQ(place(web.written.of("packages[1]")), std::pair(12UL, 9UL));
  EXPECT_EQ(place(web.written.of("cpus")), std::pair(1UL, 26UL)) << "where the merged map has it";
  EXPECT_EQ(place(web.written.of("memory")), std::pair(3UL, 11UL)) << "where the defaults have it";
  EXPECT_EQ(place(web.written.of("driver")), std::pair(7UL, 3UL)) << "the machine, for what is not written";
  EXPECT_FALSE(web.written.has("driver"));
  EXPECT_TRUE(web.written.inherited.contains("memory"));
  EXPECT_TRUE(web.written.inherited.contains("cpus"));
  EXPECT_FALSE(web.written.inherited.contains("kernel"));
  EXPECT_EQ(place(web.networks[0].written.at), std::pair(15UL, 9UL));
  EXPECT_EQ(place(manifest.bridges[0].written.of("subnet")), std::pair(5UL, 17UL));

  const auto error = manifest.error_at(web.written.of("kernel"), "there is no file 'missing/bzImage'", "build it");
  EXPECT_EQ(error.message(),
            "manifest.yml:9:13: error: there is no file 'missing/bzImage'\n"
            "    kernel: missing/bzImage\n"
            "            ^\n"
            "help: build it");
  EXPECT_EQ(error.exit_code(), ExitCode::invalid);
}

TEST(Manifest, ReadsFiveHundredMachines) {
  std::string text = "bridges: {lab: {subnet: 10.0.0.1/16}}\nvirtual_machines:\n";
  for (int i = 0; i < 500; ++i)
    text += "  vm" + std::to_string(i) + ": {distribution: debian, networks: [{bridge: lab}]}\n";
  EXPECT_EQ(parse(text).machines.size(), 500U);
}

TEST(ManifestError, HoldsTheWholeReportWithoutTheWarnings) {
  ParseResult result =
      parse_manifest("bridges: {lab: {subnet: 8.8.8.1/24}}\nvirtual_machines:\n  web: {cpus: 0}\n  db: {cpus: -1}\n",
                     "c/manifest.yml", environment());
  const ManifestError error("c/manifest.yml", result.diagnostics);
  EXPECT_EQ(error.exit_code(), ExitCode::invalid);
  EXPECT_EQ(error.diagnostics().size(), 3U);
  EXPECT_EQ(error.message(),
            "'c/manifest.yml' has 2 errors\n"
            "c/manifest.yml:3:15: error: 'cpus' is '0', which is out of range\n"
            "  web: {cpus: 0}\n"
            "              ^\n"
            "help: it goes from 1 to 288\n"
            "c/manifest.yml:4:14: error: 'cpus' must be a whole number, not '-1'\n"
            "  db: {cpus: -1}\n"
            "             ^\n"
            "help: from 1 to 288");
}

}  // namespace
}  // namespace meros::constellation
