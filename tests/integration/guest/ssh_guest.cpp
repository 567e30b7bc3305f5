#include "integration/guest/ssh_guest.h"

#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "support/namespace.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

constexpr auto sshd_program = "/usr/sbin/sshd";

void generate_key(const fs::path& file) {
  Command command;
  command.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file.string()};
  const Output output = run(command);
  if (!output.status.success()) throw Error("ssh-keygen: " + output.err);
}

}  // namespace

void SshGuest::SetUp() {
  MEROS_REQUIRE(Need::root, Need::namespaces, Need::qemu, Need::mount, Need::ip);
  if (::access(sshd_program, X_OK) != 0) GTEST_SKIP() << "sshd is not installed";
  for (const auto* program : {"ssh", "ssh-keygen", "rsync"})
    if (!find_program(program)) GTEST_SKIP() << program << " is not installed";
  MachineTest::SetUp();
  home_path_ = home().path();
  mount_own_directories();
  fs::create_directory(home_path_ / "sshd");
  generate_key(host_key());
  generate_key(identity());
  home().write("sshd/config", "ListenAddress 10.99.0.2\nHostKey " + host_key().string() + "\nAuthorizedKeysFile " +
                                  identity().string() + ".pub\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n" +
                                  "PidFile none\n");
  home().add_environment("HOME=/root");
  home().add_environment("XDG_RUNTIME_DIR=");
  add_bridge("br0", "10.99.0.1/24");
  must({"create", "web", "--driver", "qemu", "--accel", "tcg", "--kernel", kernel_of(Guest::halt).string(), "--bridge",
        "br0", "--guest-ip", "10.99.0.2", "--memory", "64"});
  must({"start", "web"});
  ip({"address", "add", "10.99.0.2/32", "dev", "lo"});
}

// In the mount namespace of the test: a home for the guest's user, and a /run with sshd's and our sockets.
void SshGuest::mount_own_directories() {
  const auto root = home_path_ / "root-home";
  fs::create_directory(root);
  ASSERT_EQ(::mount(root.c_str(), "/root", nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  fs::create_directory("/run/sshd");
  mounted_ = true;
}

void SshGuest::TearDown() {
  if (mounted_) {
    home().meros({"delete", "web", "--if-exists", "--force"});
    if (sshd_.running()) sshd_.kill(SIGTERM);
    if (sshd_.running()) sshd_.wait();
    ip({"link", "delete", "br0"});
    ::umount2("/run", MNT_DETACH);
    ::umount2("/root", MNT_DETACH);
    for (const auto* made : {"root-home", "sshd"}) fs::remove_all(home_path_ / made);
    for (const auto* made : {"id", "id.pub"}) fs::remove(home_path_ / made);
    fs::remove_all(home_path_ / "data/ssh_keys");
    fs::remove_all(home_path_ / "data/mos-shared");
  }
  MachineTest::TearDown();
}

void SshGuest::start_sshd() {
  Command command;
  command.argv = {sshd_program, "-D", "-e", "-f", (home_path_ / "sshd/config").string()};
  sshd_ = spawn(command);
  ASSERT_TRUE(eventually([&] {
    const Result tried = home().meros({"exec", "web", "--user", "root", "--identity", identity().string(), "--host-key",
                                       host_key().string() + ".pub", "--", "true"});
    return tried.code == 0;
  }));
}

void SshGuest::change_host_key() {
  sshd_.kill(SIGTERM);
  sshd_.wait();
  fs::remove(host_key());
  generate_key(host_key());
}

std::vector<std::string> SshGuest::login() const { return {"--user", "root", "--identity", identity().string()}; }

Result SshGuest::in_guest(const std::string& verb, std::vector<std::string> more, std::string_view input) {
  std::vector<std::string> arguments = {verb, "web"};
  const auto known = login();
  arguments.insert(arguments.end(), known.begin(), known.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return home().meros(arguments, input);
}

}  // namespace meros::test
