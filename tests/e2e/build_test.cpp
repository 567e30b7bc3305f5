// Real images, from a real mirror. One base is made for all of these tests and kept in the build directory.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "base/bounded_log.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "e2e/mirror.h"
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

// A cold base takes half a minute on a quiet machine, and minutes on a busy one; so does a boot under TCG.
constexpr std::chrono::minutes build_time{8};
constexpr std::chrono::minutes boot_time{4};

std::string sha256_of(const fs::path& file) {
  Command command;
  command.argv = {"sha256sum", file.string()};
  return run(std::move(command)).out.substr(0, 64);
}

class Build : public testing::Test {
 protected:
  void SetUp() override {
    MEROS_REQUIRE(Need::root, Need::mount);
    for (const char* program : {"mmdebstrap", "mke2fs", "qemu-img", "ssh-keygen"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    if (const std::string why = why_no_mirror(); !why.empty()) GTEST_SKIP() << why;
    write_constellation(home_);
  }
  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_THAT(unfinished(data()), IsEmpty());
    for (const auto& directory : {data() / "disks", data() / "ssh_keys", data() / "cache/log"})
      for (const auto& entry : fs::directory_iterator(directory))
        if (entry.path().filename().string().starts_with("lab-")) fs::remove(entry.path());
    // The base, the kernel and the packages are for the next test.
    for (const auto& entry : fs::directory_iterator(data() / "cache")) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("customised-")) continue;
      EXPECT_TRUE(succeeds(meros({"image", "rm", name})));
    }
  }

  // Two machines, one with packages of its own, with files and a hook for both and files for one.
  static void write_constellation(const TestHome& home) {
    home.write("lab/manifest.yml", R"(bridges:
  net: {subnet: 10.0.2.1/24}
defaults: {distribution: debian, release: bookworm, driver: qemu, memory: 512M, build_free_mb: 100}
virtual_machines:
  web:
    packages: [busybox]
    networks: [{label: web0, bridge: net}]
    disks: [{label: data, size_gb: 1, fs_type: ext4, mount_point: /srv/data}]
  db:
    networks: [{label: db0, bridge: net}]
)");
    home.write("lab/common/includes.chroot/etc/motd", "of the lab\n");
    home.write("lab/web/includes.chroot/home/debian/notes", "of the web\n");
    const auto hook = home.write("lab/common/hooks/10-name.chroot",
                                 "#!/bin/sh\nset -eu\ncp -p /tmp/src/hooks/word /etc/by-hook\n"
                                 "echo \"$MEROS_CONSTELLATION $MEROS_VM $MEROS_DISTRIBUTION $MEROS_ARCH\" >> "
                                 "/etc/by-hook\n");
    fs::permissions(hook, fs::perms(0755));
    home.write("lab/common/hooks/word", "a word of the hook's\n");
  }

  static fs::path data() { return fs::path(MEROS_BINARY_DIR) / "tests/e2e/images"; }
  fs::path disk(const std::string& name) const { return data() / "disks" / name; }
  TestHome& home() { return home_; }

  Command command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data-dir", data().string()});
    return home_.meros_command(std::move(arguments));
  }
  Result meros(std::vector<std::string> arguments) const { return finish(command(std::move(arguments))); }
  static Result finish(Command command) {
    Output output = run(std::move(command), {}, Deadline::after(build_time));
    return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
  }
  static std::vector<std::string> build_arguments(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"build", "lab"};
    if (std::getenv("MEROS_DEBIAN_MIRROR") != nullptr) more.insert(more.end(), {"--mirror", mirror()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Result build(std::vector<std::string> more = {}) const { return meros(build_arguments(std::move(more))); }

  // What an unfinished build would leave.
  static std::vector<std::string> unfinished(const fs::path& data) {
    std::vector<std::string> found;
    for (const auto& directory : {data / "cache", data / "disks"})
      if (fs::exists(directory))
        for (const auto& entry : fs::directory_iterator(directory)) {
          const std::string name = entry.path().filename();
          if (name.starts_with(".") && name != ".locks") found.push_back(name);
        }
    for (const auto& process : processes_of(data)) found.push_back(process.command_line);
    if (read_file("/proc/self/mounts").find(data.string()) != std::string::npos) found.push_back("a mount");
    return found;
  }

 private:
  TestHome home_;
};

TEST_F(Build, MakesAgainOnlyWhatHasChanged) {
  ASSERT_TRUE(succeeds(build()));
  const Result again = build();
  EXPECT_EQ(again.out, "web is up to date\ndb is up to date\n");
  home().write("lab/web/includes.chroot/etc/motd", "of the web\n");
  const Result changed = build();
  EXPECT_EQ(changed.out, "built web (lab-web.qcow2; made: customised, packed)\ndb is up to date\n");
  const std::string before = sha256_of(disk("lab-db.qcow2"));
  fs::remove(disk("lab-db.qcow2"));
  EXPECT_EQ(build({"db"}).out, "built db (lab-db.qcow2; made: packed)\n");
  EXPECT_EQ(sha256_of(disk("lab-db.qcow2")), before);
}

TEST_F(Build, KeepsTheFormerImageWhenAHookFails) {
  ASSERT_TRUE(succeeds(build({"db"})));
  const std::string before = sha256_of(disk("lab-db.qcow2"));
  const auto hook = home().write("lab/db/hooks/20-fails.chroot", "echo 'the last words'\nexit 7\n");
  const Result result = build({"db"});
  EXPECT_TRUE(fails_with(result, ExitCode::failed, "the hook '" + hook.string() + "' ended with exit code 7"));
  EXPECT_THAT(result.err, HasSubstr("the last words"));
  EXPECT_THAT(result.err, HasSubstr("the whole log is '" + (data() / "cache/log/lab-db.log").string() + "'"));
  EXPECT_EQ(sha256_of(disk("lab-db.qcow2")), before);
}

TEST_F(Build, LeavesNothingWhenItIsKilled) {
  ASSERT_TRUE(succeeds(build({"db"})));
  const std::string before = sha256_of(disk("lab-db.qcow2"));
  // A hook that waits, with a grandchild in a session of its own.
  home().write("lab/db/hooks/20-waits.chroot", "(setsid sleep 3600 &)\necho 'the hook waits'\nexec sleep 3600\n");
  const auto log = data() / "cache/log/lab-db.log";
  for (const int signal : {SIGKILL, SIGINT, SIGTERM}) {
    Child child = spawn(command(build_arguments({"db"})));
    ASSERT_TRUE(
        eventually([&] { return log_tail(log, 4096).find("the hook waits\n") != std::string::npos; }, build_time));
    child.kill(signal);
    child.wait();
    EXPECT_TRUE(eventually([&] { return unfinished(data()).empty(); })) << testing::PrintToString(unfinished(data()));
    fs::remove(log);
  }
  EXPECT_EQ(sha256_of(disk("lab-db.qcow2")), before);
  home().write("lab/db/hooks/20-waits.chroot", "true\n");
  EXPECT_EQ(build({"db"}).out, "built db (lab-db.qcow2; made: customised, packed)\n");
}

TEST_F(Build, LeavesNothingInWhicheverStageItIsKilled) {
  ASSERT_TRUE(succeeds(build({"web"})));
  for (const auto* stage : {"base", "packages", "kernel", "customised", "packed"}) {
    SCOPED_TRACE(stage);
    const auto log = data() / "cache/log/lab-web.log";
    fs::remove(log);
    // The other stages come from the cache, where they can.
    const bool last = stage == std::string("customised") || stage == std::string("packed");
    if (last) home().write("lab/web/includes.chroot/etc/motd", stage);
    Child child = spawn(command(
        build_arguments(last ? std::vector<std::string>{"web"} : std::vector<std::string>{"web", "--no-cache"})));
    const std::string line = std::string("meros: stage ") + stage;
    ASSERT_TRUE(
        eventually([&] { return fs::exists(log) && read_file(log).find(line) != std::string::npos; }, build_time));
    child.kill(SIGKILL);
    child.wait();
    EXPECT_TRUE(eventually([&] { return unfinished(data()).empty(); }, std::chrono::minutes(2)))
        << testing::PrintToString(unfinished(data()));
  }
  EXPECT_TRUE(succeeds(build({"web"})));
}

TEST_F(Build, IsTheSameForAnOrdinaryUserWithAClosedHome) {
  MEROS_REQUIRE(Need::user_namespaces);
  if (!find_program("newuidmap")) GTEST_SKIP() << "needs newuidmap (package uidmap)";
  // A base that is newer than what stands on it, as an interrupted build leaves it.
  ASSERT_TRUE(succeeds(build()));
  for (const auto& entry : fs::directory_iterator(data() / "cache")) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("base-")) continue;
    EXPECT_TRUE(succeeds(meros({"image", "rm", name})));
  }
  for (const char* name : {"lab-web.qcow2", "lab-db.qcow2"}) fs::remove(disk(name));
  ASSERT_TRUE(succeeds(build()));
  const TemporaryDirectory files("/var/tmp");
  const OrdinaryBuilder builder(files.path());
  const TestHome closed(ordinary_user());
  write_constellation(closed);
  fs::create_directories(closed.data_dir());
  fs::copy(data() / "ssh_keys", closed.data_dir() / "ssh_keys");
  fs::copy(home().path() / "lab/meros.lock", closed.path() / "lab/meros.lock");
  const uid_t uid = ordinary_user().uid;
  for (const auto& entry : fs::recursive_directory_iterator(closed.path()))
    ASSERT_EQ(::lchown(entry.path().c_str(), uid, uid), 0);
  fs::permissions(closed.path(), fs::perms(0700));
  const Result result = finish(closed.meros_command(build_arguments({"--no-cache", "--locked"})));
  ASSERT_TRUE(succeeds(result));
  for (const char* name : {"lab-web.qcow2", "lab-web.kernel", "lab-web.initrd", "lab-db.qcow2"})
    EXPECT_EQ(sha256_of(closed.data_dir() / "disks" / name), sha256_of(disk(name))) << name;
  EXPECT_TRUE(eventually([&] { return unfinished(closed.data_dir()).empty(); }));
}

TEST_F(Build, BootsWithItsNameUserKeysFilesAndDisk) {
  MEROS_REQUIRE(Need::qemu);
  if (!find_program("ssh")) GTEST_SKIP() << "needs ssh";
  ASSERT_TRUE(succeeds(build({"web"})));
  Command img;
  img.argv = {"mke2fs", "-q", "-L", "data", (home().path() / "data.ext4").string(), "64M"};
  ASSERT_TRUE(run(std::move(img)).status.success());
  // A larger disk than the image, which the root is to fill.
  Command overlay;
  overlay.argv = {"qemu-img",
                  "create",
                  "-q",
                  "-f",
                  "qcow2",
                  "-F",
                  "qcow2",
                  "-b",
                  disk("lab-web.qcow2").string(),
                  (home().path() / "root.qcow2").string(),
                  "3G"};
  ASSERT_TRUE(run(std::move(overlay)).status.success());
  const std::string port = std::to_string(20000 + ::getpid() % 20000);
  const auto console = home().path() / "console.log";
  Command qemu;
  qemu.argv = {"qemu-system-x86_64",
               "-M",
               "q35",
               "-accel",
               "tcg",
               "-smp",
               "2",
               "-m",
               "512",
               "-nodefaults",
               "-no-user-config",
               "-display",
               "none",
               "-no-reboot",
               "-serial",
               "file:" + console.string(),
               "-kernel",
               disk("lab-web.kernel").string(),
               "-initrd",
               disk("lab-web.initrd").string(),
               "-append",
               "rw console=ttyS0 root=/dev/vda systemd.machine_id=0123456789abcdef0123456789abcdef",
               "-drive",
               "if=virtio,file=" + (home().path() / "root.qcow2").string(),
               "-drive",
               "if=virtio,format=raw,file=" + (home().path() / "data.ext4").string(),
               "-netdev",
               "user,id=n,hostfwd=tcp:127.0.0.1:" + port + "-:22",
               "-device",
               "virtio-net-pci,netdev=n"};
  const Child machine = spawn(qemu);
  const auto ssh = [&](const std::string& words) {
    Command command;
    command.argv = {"ssh",
                    "-F",
                    "none",
                    "-o",
                    "BatchMode=yes",
                    "-o",
                    "StrictHostKeyChecking=yes",
                    "-o",
                    "ConnectTimeout=10",
                    "-o",
                    "HostKeyAlias=web.lab.meros",
                    "-o",
                    "UserKnownHostsFile=" + (data() / "ssh_keys/known_hosts").string(),
                    "-i",
                    (data() / "ssh_keys/lab-web-id_ed25519").string(),
                    "-p",
                    port,
                    "debian@127.0.0.1",
                    words};
    return run(std::move(command), {}, Deadline::after(std::chrono::minutes(2)));
  };
  ASSERT_TRUE(eventually([&] { return ssh("true").status.success(); }, boot_time)) << read_file(console);
  const Output seen = ssh(
      "hostname; id -un; sudo id -un; cat /etc/motd /etc/by-hook notes; stat -c %U notes; findmnt -no LABEL /srv/data;"
      " cat /etc/machine-id; readlink /etc/localtime; systemctl is-system-running --wait");
  EXPECT_EQ(seen.out,
            "web\ndebian\nroot\nof the lab\na word of the hook's\nlab web debian x86_64\nof the web\ndebian\ndata\n"
            "0123456789abcdef0123456789abcdef\n/usr/share/zoneinfo/Etc/UTC\nrunning\n")
      << seen.err;
  const auto blocks = parse_unsigned(trim(ssh("stat -fc %b /").out));
  ASSERT_TRUE(blocks);
  EXPECT_GT(*blocks, 650'000U) << "of 4 KiB: the root has grown with its disk";
  EXPECT_THAT(read_file(console), HasSubstr("web login:"));
}

}  // namespace
}  // namespace meros::test
