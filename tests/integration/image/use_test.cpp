// Images that the tests make, of a root with busybox in it and little else, used for machines.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/bounded_log.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "support/builder.h"
#include "support/home.h"
#include "support/host.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::chrono::minutes patience{2};

std::string output_of(std::vector<std::string> argv, std::string_view input = {}) {
  Command command;
  command.argv = std::move(argv);
  const std::string name = command.argv.front();
  const Output output = run(std::move(command), input, Deadline::after(patience));
  EXPECT_TRUE(output.status.success()) << name << ": " << output.err << output.out;
  return output.out;
}

std::string sha256_of(const fs::path& file) { return output_of({"sha256sum", file.string()}).substr(0, 64); }

// Busybox has no useradd as Debian builds it.
constexpr auto useradd = R"(#!/bin/sh
for user; do :; done
mkdir -p "/home/$user"
echo "$user:x:1000:1000::/home/$user:/bin/sh" >>/etc/passwd
echo "$user:x:1000:" >>/etc/group
chown 1000:1000 "/home/$user"
)";

class Use : public testing::Test {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::mount);
    for (const char* program :
         {"qemu-img", "qemu-storage-daemon", "fuse2fs", "mke2fs", "debugfs", "sfdisk", "ssh-keygen"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    if (!find_program("busybox")) GTEST_SKIP() << "needs busybox (package busybox-static)";
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/fuse";
    write_constellation(home_);
    make_root();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_THAT(unfinished(home_), IsEmpty());
  }

  static void write_constellation(const TestHome& home) {
    home.write("lab/manifest.yml", R"(bridges:
  net: {subnet: 10.0.2.1/24}
defaults: {driver: qemu, memory: 256M, networks: [{bridge: net}]}
virtual_machines:
  web:
    distribution: debian
    disks: [{label: data, size_gb: 1, mount_point: /srv/data}]
  fire: {distribution: debian, driver: firecracker}
  plain: {}
)");
    home.write("lab/common/includes.chroot/etc/motd", "of the lab\n");
    home.write("lab/common/hooks/10-name.chroot", "echo \"$MEROS_VM $MEROS_DISTRIBUTION\" >/boot/by-hook\n");
  }

  void make_root() {
    for (const auto* directory : {"bin", "etc", "boot", "usr/sbin", "usr/bin", "root"})
      fs::create_directories(root() / directory);
    fs::copy_file(fs::canonical(*find_program("busybox")), root() / "bin/busybox");
    for (const auto* applet : {"sh", "mkdir", "chown", "cat", "sleep", "setsid"})
      fs::create_symlink("busybox", root() / "bin" / applet);
    write("etc/os-release", "ID=\"testix\"\nVERSION_ID=3\n");
    write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    write("etc/group", "root:x:0:\nsudo:x:27:\n");
    write("etc/fstab", "LABEL=root / ext4 defaults 0 1\nLABEL=boot /boot ext4 defaults 0 2\n");
    write("usr/sbin/useradd", useradd);
    fs::permissions(root() / "usr/sbin/useradd", fs::perms(0755));
  }
  void write(const std::string& file, std::string_view content) { std::ofstream(root() / file) << content; }

  TestHome& home() { return home_; }
  const fs::path& root() const { return root_.path(); }
  fs::path image(const std::string& name) const { return images_.path() / name; }
  fs::path disk(const std::string& name) const { return home_.data_dir() / "disks" / name; }
  Json built(const std::string& machine) const {
    return parse_json(read_file(disk("lab-" + machine + ".json")), "what was built");
  }

  // At an offset of a file that has room for it.
  void make_ext(const fs::path& file, std::uint64_t offset, const std::string& size, const std::string& label,
                const fs::path& tree) const {
    output_of({"mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-d", tree.string(), "-E",
               "offset=" + std::to_string(offset), file.string(), size});
  }
  fs::path bare_image() const {
    make_ext(image("bare.raw"), 0, "32M", "root", root());
    return image("bare.raw");
  }
  // The root in the last of three partitions, a separate /boot in the second.
  fs::path partitioned_image(const std::string& label) const {
    const fs::path raw = image(label + ".raw");
    std::ofstream(raw).close();
    fs::resize_file(raw, std::uint64_t{64} << 20);
    output_of({"sfdisk", "-q", raw.string()},
              "label: " + label + "\nstart=2048, size=2048\nstart=4096, size=32768\nstart=36864, size=90112\n");
    const TemporaryDirectory empty;
    make_ext(raw, 4096 * 512, "16M", "boot", empty.path());
    make_ext(raw, 36864 * 512, "44M", "root", root());
    return raw;
  }
  fs::path as_qcow2(const fs::path& raw) const {
    const fs::path qcow2 = raw.string() + ".qcow2";
    output_of({"qemu-img", "convert", "-O", "qcow2", raw.string(), qcow2.string()});
    return qcow2;
  }

  Result use(const fs::path& image, std::vector<std::string> more = {"web"}) const {
    return use(home_, image, std::move(more));
  }
  static Result use(const TestHome& home, const fs::path& image, std::vector<std::string> more = {"web"}) {
    std::vector<std::string> arguments = {"build", "--use", image.string(), "lab"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Output output = run(home.meros_command(std::move(arguments)), {}, Deadline::after(patience));
    return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
  }

  // A file of the result, whose root begins there.
  std::string content(const fs::path& result, const std::string& file, std::uint64_t offset = 0) const {
    const fs::path raw = image("result.raw");
    output_of({"qemu-img", "convert", "-O", "raw", result.string(), raw.string()});
    return debugfs(raw, offset, "cat " + file);
  }
  static std::string debugfs(const fs::path& raw, std::uint64_t offset, const std::string& request) {
    return output_of({"debugfs", "-R", request, raw.string() + "?offset=" + std::to_string(offset)});
  }

  static std::vector<std::string> unfinished(const TestHome& home) {
    std::vector<std::string> found;
    for (const auto& directory : {home.data_dir() / "cache", home.data_dir() / "disks"})
      if (fs::exists(directory))
        for (const auto& entry : fs::directory_iterator(directory))
          if (const std::string name = entry.path().filename(); name.starts_with(".") && name != ".locks")
            found.push_back(name);
    for (const auto& process : processes_of(home.path())) found.push_back(process.command_line);
    if (read_file("/proc/self/mounts").find(home.path().string()) != std::string::npos) found.emplace_back("a mount");
    return found;
  }

 private:
  TestHome home_;
  TemporaryDirectory root_{"/var/tmp"};
  TemporaryDirectory images_{"/var/tmp"};
};

TEST_F(Use, CustomisesTheCloneOfABareFileSystem) {
  const fs::path raw = bare_image();
  const std::string before = sha256_of(raw);
  const Result result = use(raw);
  ASSERT_TRUE(succeeds(result));
  EXPECT_EQ(result.out, "built web (lab-web.qcow2; made: used)\n");
  EXPECT_EQ(sha256_of(raw), before);
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/hostname"), "web\n");
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/motd"), "of the lab\n");
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/boot/by-hook"), "web debian\n");
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/home/debian/.ssh/authorized_keys"),
            read_file(home().data_dir() / "ssh_keys/lab-web-id_ed25519.pub"));
  EXPECT_THAT(content(disk("lab-web.qcow2"), "/etc/fstab"), HasSubstr("LABEL=data /srv/data ext4"));
  const Json built = this->built("web");
  EXPECT_EQ(built.at("user"), "debian");
  EXPECT_EQ(built.at("distribution"), "testix");
  EXPECT_EQ(built.at("root_device"), "/dev/vda");
  EXPECT_EQ(built.at("boots_itself"), false);
  EXPECT_EQ(use(raw).out, "web is up to date\n");
  home().write("lab/common/includes.chroot/etc/motd", "of another lab\n");
  EXPECT_EQ(use(raw).out, "built web (lab-web.qcow2; made: used)\n");
}

TEST_F(Use, MakesARawImageForFirecracker) {
  const Result result = use(as_qcow2(bare_image()), {"fire"});
  ASSERT_TRUE(succeeds(result));
  EXPECT_EQ(result.out, "built fire (lab-fire.ext4; made: used)\n");
  EXPECT_EQ(debugfs(disk("lab-fire.ext4"), 0, "cat /etc/hostname"), "fire\n");
}

TEST_F(Use, NamesTheUserOfAMachineWithoutDistributionAfterTheSystem) {
  ASSERT_TRUE(succeeds(use(bare_image(), {"plain"})));
  EXPECT_EQ(built("plain").at("user"), "testix");
  EXPECT_EQ(content(disk("lab-plain.qcow2"), "/boot/by-hook"), "plain testix\n");
}

TEST_F(Use, TakesTheKernelAndInitrdOfABareFileSystem) {
  write("boot/vmlinuz-6.1", "a kernel");
  write("boot/initrd.img-6.1", "an initrd");
  ASSERT_TRUE(succeeds(use(bare_image())));
  EXPECT_EQ(read_file(disk(built("web").at("kernel"))), "a kernel");
  EXPECT_EQ(read_file(disk(built("web").at("initrd"))), "an initrd");
}

TEST_F(Use, FindsTheRootAmongThePartitions) {
  for (const auto* label : {"gpt", "dos"}) {
    SCOPED_TRACE(label);
    const fs::path qcow2 = as_qcow2(partitioned_image(label));
    const std::string before = sha256_of(qcow2);
    ASSERT_TRUE(succeeds(use(qcow2)));
    EXPECT_EQ(sha256_of(qcow2), before);
    EXPECT_EQ(built("web").at("root_device"), "/dev/vda3");
    EXPECT_EQ(built("web").at("boots_itself"), true);
    EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/hostname", 36864 * 512), "web\n");
    EXPECT_EQ(content(disk("lab-web.qcow2"), "/by-hook", 4096 * 512), "web debian\n") << "the hook saw the real /boot";
  }
}

TEST_F(Use, FindsTheRootInALogicalPartition) {
  const fs::path raw = image("logical.raw");
  std::ofstream(raw).close();
  fs::resize_file(raw, std::uint64_t{64} << 20);
  output_of({"sfdisk", "-q", raw.string()},
            "label: dos\nstart=2048, size=126000, type=5\nstart=4096, size=100000, type=83\n");
  make_ext(raw, 4096 * 512, "44M", "root", root());
  ASSERT_TRUE(succeeds(use(raw)));
  EXPECT_EQ(built("web").at("root_device"), "/dev/vda5");
}

TEST_F(Use, GrowsTheRootWithTheDisk) {
  for (const auto* label : {"gpt", "dos"}) {
    SCOPED_TRACE(label);
    ASSERT_TRUE(succeeds(use(partitioned_image(label), {"web", "--size", "256M"})));
    EXPECT_EQ(built("web").at("bytes"), std::uint64_t{256} << 20);
    EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/hostname", 36864 * 512), "web\n");
    EXPECT_THAT(output_of({"sfdisk", "--verify", image("result.raw").string()}), HasSubstr("No errors detected"));
    const std::string facts = debugfs(image("result.raw"), 36864 * 512, "show_super_stats -h");
    const auto at = facts.find("Block count:");
    ASSERT_NE(at, std::string::npos);
    const auto blocks = parse_unsigned(trim(facts.substr(at + 12, facts.find('\n', at) - at - 12)));
    ASSERT_TRUE(blocks);
    const std::uint64_t block = facts.find("Block size:               1024") != std::string::npos ? 1024 : 4096;
    EXPECT_GT(*blocks * block, std::uint64_t{236} << 20);
  }
}

TEST_F(Use, FollowsABackingFileBesideTheImage) {
  const fs::path base = bare_image();
  const std::string before = sha256_of(base);
  output_of({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base.filename().string(),
             image("overlay.qcow2").string()});
  ASSERT_TRUE(succeeds(use(image("overlay.qcow2"))));
  EXPECT_EQ(sha256_of(base), before);
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/hostname"), "web\n");
  EXPECT_THAT(output_of({"qemu-img", "info", disk("lab-web.qcow2").string()}), testing::Not(HasSubstr("backing file")));
}

TEST_F(Use, WritesAJournalThatWasLeftFullToItsPlaces) {
  const fs::path raw = bare_image();
  output_of({"debugfs", "-w", "-R", "feature needs_recovery", raw.string()});
  ASSERT_TRUE(succeeds(use(raw)));
  EXPECT_EQ(content(disk("lab-web.qcow2"), "/etc/hostname"), "web\n");
}

TEST_F(Use, SaysWhatIsWrongWithAnImage) {
  const auto refused = [&](const fs::path& image, const std::string& words) {
    return fails_with(use(image), ExitCode::invalid, words);
  };
  const TemporaryDirectory empty;
  make_ext(image("empty.raw"), 0, "16M", "none", empty.path());
  EXPECT_TRUE(refused(image("empty.raw"), "there is no operating system on the image"));
  std::ofstream(image("zero.raw")) << std::string(1 << 20, '\0');
  EXPECT_TRUE(refused(image("zero.raw"), "there is no operating system on the image"));
  std::ofstream(image("luks.raw")) << "LUKS\xba\xbe" << std::string(1 << 20, '\0');
  EXPECT_TRUE(refused(image("luks.raw"), "the image is encrypted, and nothing of it can be read"));
  std::ofstream(image("packed.img")) << "\x1f\x8b\x08 and so on";
  EXPECT_TRUE(refused(image("packed.img"), "it is compressed (gzip)"));
  const fs::path cut = as_qcow2(bare_image());
  fs::resize_file(cut, fs::file_size(cut) / 2);
  EXPECT_TRUE(refused(cut, "the image cannot be read to its end"));
  const fs::path torn = image("torn.raw");
  fs::copy_file(image("bare.raw"), torn);
  fs::resize_file(torn, std::uint64_t{16} << 20);
  EXPECT_TRUE(refused(torn, "the file system on the image is damaged"));
  EXPECT_FALSE(fs::exists(disk("lab-web.qcow2")));
}

TEST_F(Use, RefusesAnotherArchitectureThanTheMachines) {
  const fs::path busybox = root() / "bin/busybox";
  const Fd file = open_file(busybox, O_RDWR);
  char own = 0;
  ASSERT_EQ(::pread(file.get(), &own, 1, 18), 1);
  // e_machine of elf(5): aarch64, or x86_64 where that is what this host has.
  const char machine = static_cast<char>(own == 62 ? 183 : 62);
  ASSERT_EQ(::pwrite(file.get(), &machine, 1, 18), 1);
  EXPECT_TRUE(fails_with(use(bare_image()), ExitCode::invalid, "and the machine 'web' is"));
}

TEST_F(Use, KeepsTheFormerImageWhenAHookFails) {
  const fs::path raw = bare_image();
  ASSERT_TRUE(succeeds(use(raw)));
  const std::string before = sha256_of(disk("lab-web.qcow2"));
  home().write("lab/web/hooks/20-fails.chroot", "echo 'the last words'\nexit 7\n");
  const Result result = use(raw);
  EXPECT_EQ(result.code, static_cast<int>(ExitCode::failed));
  EXPECT_THAT(result.err, HasSubstr("ended with exit code 7"));
  EXPECT_THAT(result.err, HasSubstr("the last words"));
  EXPECT_EQ(sha256_of(disk("lab-web.qcow2")), before);
}

TEST_F(Use, LeavesNothingWhenItIsKilled) {
  const fs::path raw = bare_image();
  home().write("lab/web/hooks/20-waits.chroot", "(setsid sleep 3600 &)\necho 'the hook waits'\nexec sleep 3600\n");
  const fs::path log = home().data_dir() / "cache/log/lab-web.log";
  for (const int signal : {SIGKILL, SIGINT}) {
    Child child = spawn(home().meros_command({"build", "--use", raw.string(), "lab", "web"}));
    ASSERT_TRUE(
        eventually([&] { return log_tail(log, 4096).find("the hook waits\n") != std::string::npos; }, patience));
    child.kill(signal);
    child.wait();
    EXPECT_TRUE(eventually([&] { return unfinished(home()).empty(); }, patience))
        << testing::PrintToString(unfinished(home()));
    fs::remove(log);
  }
  EXPECT_FALSE(fs::exists(disk("lab-web.qcow2")));
  home().write("lab/web/hooks/20-waits.chroot", "true\n");
  EXPECT_TRUE(succeeds(use(raw)));
}

TEST_F(Use, WorksForAnOrdinaryUser) {
  MEROS_REQUIRE(Need::user_namespaces);
  if (!find_program("newuidmap")) GTEST_SKIP() << "needs newuidmap (package uidmap)";
  struct stat fuse {};
  if (::stat("/dev/fuse", &fuse) != 0 || (fuse.st_mode & 06) != 06) GTEST_SKIP() << "/dev/fuse is closed to users";
  const fs::path raw = partitioned_image("gpt");
  fs::permissions(raw.parent_path(), fs::perms(0755));
  const TemporaryDirectory files("/var/tmp");
  const OrdinaryBuilder builder(files.path());
  const TestHome home(ordinary_user());
  write_constellation(home);
  const uid_t uid = ordinary_user().uid;
  for (const auto& entry : fs::recursive_directory_iterator(home.path()))
    ASSERT_EQ(::lchown(entry.path().c_str(), uid, uid), 0);
  ASSERT_TRUE(succeeds(use(home, raw)));
  EXPECT_EQ(content(home.data_dir() / "disks/lab-web.qcow2", "/etc/hostname", 36864 * 512), "web\n");
  EXPECT_THAT(debugfs(image("result.raw"), 36864 * 512, "stat /home/debian/.ssh/authorized_keys"),
              HasSubstr("User:  1000   Group:  1000"));
  EXPECT_TRUE(eventually([&] { return unfinished(home).empty(); }));
}

}  // namespace
}  // namespace meros::test
