// Real images that were brought, and machines of another architecture, until somebody is logged in.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "base/bounded_log.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "support/home.h"
#include "support/host.h"
#include "support/namespace.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// An emulated build takes minutes, and so does a boot on a busy machine.
constexpr std::chrono::minutes build_time{15};
constexpr std::chrono::minutes boot_time{10};

std::string output_of(std::vector<std::string> argv, std::string_view input = {}) {
  Command command;
  command.argv = std::move(argv);
  const std::string name = command.argv.front();
  const Output output = run(std::move(command), input, Deadline::after(build_time));
  EXPECT_TRUE(output.status.success()) << name << ": " << output.err << output.out;
  return output.out;
}

std::string sha256_of(const fs::path& file) { return output_of({"sha256sum", file.string()}).substr(0, 64); }

// Machines of a directory of their own; what is built from the mirror is made in the one that all end-to-end tests
// share, and kept there.
class RealMachine : public testing::Test {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::mount, Need::namespaces, Need::qemu);
    for (const char* program : {"mmdebstrap", "qemu-img", "ssh", "ssh-keygen", "nft", "dnsmasq", "sfdisk"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
  }
  void TearDown() override {
    if (network_) {
      EXPECT_TRUE(succeeds(meros({"shutdown", "lab", "--force", "--volumes", "--yes"})));
      EXPECT_TRUE(eventually([&] { return processes_of(home_.path()).empty(); }));
    }
    for (const auto& directory : {kept() / "disks", kept() / "ssh_keys", kept() / "cache/log"})
      if (fs::exists(directory))
        for (const auto& entry : fs::directory_iterator(directory))
          if (entry.path().filename().string().starts_with("donor-")) fs::remove(entry.path());
  }

  static fs::path kept() { return fs::path(MEROS_BINARY_DIR) / "tests/e2e/images"; }
  TestHome& home() { return home_; }
  fs::path disk(const std::string& name) const { return home_.data_dir() / "disks" / name; }

  Result finish(std::vector<std::string> arguments, std::chrono::minutes time) const {
    Output output = run(home_.meros_command(std::move(arguments)), {}, Deadline::after(time));
    return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
  }
  Result meros(std::vector<std::string> arguments) const { return finish(std::move(arguments), boot_time); }

  // The donor's image and kernel, in the data directory that is kept. False where no mirror answers.
  testing::AssertionResult build_donor(const std::string& manifest) {
    home_.write("donor/manifest.yml", manifest);
    std::vector<std::string> arguments = {"build", "donor", "--data-dir", kept().string()};
    if (const char* mirror = std::getenv("MEROS_DEBIAN_MIRROR"))
      arguments.insert(arguments.end(), {"--mirror", mirror});
    return succeeds(finish(std::move(arguments), build_time));
  }
  fs::path donor(const std::string& name) const { return kept() / "disks" / name; }

  // The network of the host is left for one of the test's own, where nothing outside is reached.
  void bring_up() {
    network_ = std::make_unique<NetworkNamespace>();
    ASSERT_TRUE(succeeds(meros({"init", "lab", "--timeout", "540"})));
  }
  std::string in_guest(const std::string& script) const {
    const Result result = meros({"exec", "lab/web", "--", "sh", "-c", script});
    EXPECT_TRUE(succeeds(result));
    return result.out;
  }

 private:
  TestHome home_;
  std::unique_ptr<NetworkNamespace> network_;
};

constexpr auto donor_manifest = R"(virtual_machines:
  donor: {distribution: debian, release: bookworm, driver: qemu, build_free_mb: 50}
)";

// With the file system in its first partition, and others behind it.
fs::path partitioned(const fs::path& file_system, const fs::path& place) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  const fs::path raw = place / "file-system.raw";
  const fs::path disk = place / "disk.raw";
  output_of({"qemu-img", "convert", "-O", "raw", file_system.string(), raw.string()});
  const std::uint64_t sectors = (fs::file_size(raw) + mebibyte - 1) / mebibyte * 2048;
  std::ofstream(disk).close();
  fs::resize_file(disk, (sectors + 16384) * 512);
  output_of({"sfdisk", "-q", disk.string()},
            "label: gpt\nstart=2048, size=" + std::to_string(sectors) + "\nsize=2048\n");
  output_of(
      {"dd", "if=" + raw.string(), "of=" + disk.string(), "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none"});
  fs::remove(raw);
  const fs::path qcow2 = place / "brought.img";
  output_of({"qemu-img", "convert", "-O", "qcow2", disk.string(), qcow2.string()});
  fs::remove(disk);
  return qcow2;
}

TEST_F(RealMachine, BootsFromAPartitionOfAnImageThatWasBrought) {
  if (!find_program("qemu-storage-daemon") || !find_program("fuse2fs") || ::access("/dev/fuse", R_OK | W_OK) != 0)
    GTEST_SKIP() << "needs qemu-storage-daemon, fuse2fs and /dev/fuse";
  if (const auto built = build_donor(donor_manifest); !built) GTEST_SKIP() << built.message();
  const TemporaryDirectory images("/var/tmp");
  const fs::path image = partitioned(donor("donor-donor.qcow2"), images.path());
  const std::string before = sha256_of(image);
  fs::create_directories(home().data_dir() / "disks");
  fs::copy_file(donor("donor-donor.kernel"), disk("bzImage"));
  fs::copy_file(donor("donor-donor.initrd"), disk("initrd"));
  home().write("lab/manifest.yml", R"(uplink: none
bridges:
  net: {subnet: 10.0.2.1/24}
virtual_machines:
  web:
    distribution: debian
    driver: qemu
    accel: tcg
    memory: 512M
    kernel: data/disks/bzImage
    initrd: data/disks/initrd
    networks: [{label: web0, bridge: net}]
    disks:
      - {label: lab-web.qcow2, fs_type: qcow2, size_gb: 3}
      - {label: more.qcow2, fs_type: qcow2, size_gb: 1}
    extra_args: ["-device", "virtio-rng-pci"]
)");
  home().write("lab/web/includes.chroot/etc/motd", "of the lab\n");
  home().write("lab/web/hooks/10-packages.chroot", "dpkg -s openssh-server >/etc/by-hook\n");
  ASSERT_TRUE(succeeds(meros({"build", "--use", image.string(), "lab"})));
  EXPECT_EQ(sha256_of(image), before);
  ASSERT_NO_FATAL_FAILURE(bring_up());
  EXPECT_EQ(in_guest("hostname; id -un; sudo id -un; cat /etc/motd; findmnt -no SOURCE /; ls /sys/block | grep -c vd"),
            "web\ndebian\nroot\nof the lab\n/dev/vda1\n2\n");
  EXPECT_THAT(in_guest("cat /etc/by-hook"), HasSubstr("Status: install ok installed"));
}

TEST_F(RealMachine, BootsFromABareFileSystemWithTheKernelBesideIt) {
  if (!find_program("qemu-storage-daemon") || !find_program("fuse2fs") || ::access("/dev/fuse", R_OK | W_OK) != 0)
    GTEST_SKIP() << "needs qemu-storage-daemon, fuse2fs and /dev/fuse";
  if (const auto built = build_donor(donor_manifest); !built) GTEST_SKIP() << built.message();
  home().write("lab/manifest.yml", R"(uplink: none
bridges:
  net: {subnet: 10.0.2.1/24}
virtual_machines:
  web: {distribution: debian, driver: qemu, accel: tcg, memory: 512M, networks: [{bridge: net}]}
)");
  ASSERT_TRUE(succeeds(meros({"build", "--use", donor("donor-donor.qcow2").string(), "lab"})));
  ASSERT_NO_FATAL_FAILURE(bring_up());
  EXPECT_EQ(in_guest("hostname; id -un; findmnt -no SOURCE /"), "web\ndebian\n/dev/vda\n");
}

// The same without an operating system's weight: on LVM, where only libguestfs reads it.
TEST_F(RealMachine, IsFoundOnLvm) {
  for (const char* program : {"guestfish", "busybox"})
    if (!find_program(program)) GTEST_SKIP() << "needs " << program;
  const Json doctor = parse_json(meros({"doctor", "-o", "json"}).out, "doctor");
  for (const Json& check : doctor.at("checks"))
    if (check.at("id") == "libguestfs" && check.at("status") != "ok")
      GTEST_SKIP() << "libguestfs: " << check.at("detail").get<std::string>();
  const TemporaryDirectory place("/var/tmp");
  const fs::path root = place.path() / "root";
  for (const auto* directory : {"bin", "etc", "usr/sbin"}) fs::create_directories(root / directory);
  fs::copy_file(fs::canonical(*find_program("busybox")), root / "bin/busybox");
  for (const auto* applet : {"sh", "rm", "mkdir", "chown"}) fs::create_symlink("busybox", root / "bin" / applet);
  std::ofstream(root / "etc/os-release") << "ID=testix\n";
  std::ofstream(root / "etc/passwd") << "root:x:0:0:root:/root:/bin/sh\n";
  std::ofstream(root / "etc/group") << "root:x:0:\n";
  std::ofstream(root / "etc/old") << "to be removed\n";
  output_of({"tar", "-C", root.string(), "-cf", (place.path() / "root.tar").string(), "."});
  const fs::path image = place.path() / "lvm.qcow2";
  Command guestfish;
  guestfish.argv = {"guestfish"};
  guestfish.environment = {"LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg"};
  const Output made = run(std::move(guestfish),
                          "disk-create " + image.string() + " qcow2 128M\nadd " + image.string() +
                              " format:qcow2\nrun\npart-init /dev/sda gpt\npart-add /dev/sda p 2048 -2048\n"
                              "pvcreate /dev/sda1\nvgcreate vg /dev/sda1\nlvcreate-free root vg 100\n"
                              "mkfs ext4 /dev/vg/root\nmount /dev/vg/root /\ntar-in " +
                              (place.path() / "root.tar").string() + " /\n",
                          Deadline::after(boot_time));
  ASSERT_TRUE(made.status.success()) << made.err;
  const std::string before = sha256_of(image);
  home().write(
      "lab/manifest.yml",
      "bridges:\n  net: {subnet: 10.0.2.1/24}\nvirtual_machines:\n  web: {driver: qemu, networks: [{bridge: net}]}\n");
  home().write("lab/web/hooks/10-changes.chroot",
               "rm /etc/old\nmkdir /etc/new\necho x >/etc/new/file\nchown 12:34 /etc/new/file\n");
  const Result result = meros({"build", "--use", image.string(), "lab", "--size", "256M"});
  ASSERT_TRUE(succeeds(result));
  EXPECT_EQ(sha256_of(image), before);
  const Json built = parse_json(read_file(disk("lab-web.json")), "what was built");
  EXPECT_EQ(built.at("root_device"), "/dev/vg/root");
  EXPECT_EQ(built.at("user"), "testix");
  Command look;
  look.argv = {"guestfish", "--ro", "--format=qcow2", "-a", disk("lab-web.qcow2").string()};
  look.environment = {"LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg"};
  const Output seen = run(std::move(look),
                          "run\nmount-ro /dev/vg/root /\ncat /etc/hostname\nexists /etc/old\nfilesize /etc/new/file\n"
                          "stat /etc/new/file\nblockdev-getsize64 /dev/vg/root\n",
                          Deadline::after(boot_time));
  EXPECT_THAT(seen.out, StartsWith("web\n\nfalse\n2\n")) << seen.err;
  EXPECT_THAT(seen.out, HasSubstr("uid: 12\ngid: 34\n"));
  const auto lines = split(trim(seen.out), '\n');
  EXPECT_GT(parse_unsigned(lines.back()).value_or(0), std::uint64_t{240} << 20) << "the volume has grown";
}

TEST_F(RealMachine, OfAnotherArchitectureIsBuiltAndBoots) {
  if (!find_program("qemu-system-aarch64")) GTEST_SKIP() << "needs qemu-system-aarch64 (package qemu-system-arm)";
  const Json doctor = parse_json(meros({"doctor", "-o", "json"}).out, "doctor");
  for (const Json& check : doctor.at("checks"))
    if (check.at("id") == "foreign-programs" && check.at("status") != "ok")
      GTEST_SKIP() << check.at("detail").get<std::string>();
  home().write("lab/manifest.yml", R"(uplink: none
bridges:
  net: {subnet: 10.0.2.1/24}
virtual_machines:
  web:
    arch: aarch64
    distribution: debian
    release: bookworm
    driver: qemu
    memory: 1G
    build_free_mb: 100
    networks: [{label: web0, bridge: net}]
    extra_args: ["-device", "virtio-rng-pci"]
)");
  home().write("lab/web/hooks/10-arch.chroot", "echo \"$MEROS_ARCH $(uname -m)\" >/etc/by-hook\n");
  // What the mirror gave stays for the next run.
  fs::create_directories(kept() / "cache");
  fs::permissions(kept() / "cache", fs::perms::owner_all);
  fs::create_directories(home().data_dir());
  fs::create_directory_symlink(kept() / "cache", home().data_dir() / "cache");
  std::vector<std::string> arguments = {"build", "lab"};
  if (const char* mirror = std::getenv("MEROS_DEBIAN_MIRROR")) arguments.insert(arguments.end(), {"--mirror", mirror});
  ASSERT_TRUE(succeeds(finish(std::move(arguments), build_time)));
  ASSERT_NO_FATAL_FAILURE(bring_up());
  EXPECT_EQ(in_guest("uname -m; hostname; cat /etc/by-hook"), "aarch64\nweb\naarch64 aarch64\n");
}

}  // namespace
}  // namespace meros::test
