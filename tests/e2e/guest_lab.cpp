#include "e2e/guest_lab.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "base/json.h"
#include "e2e/mirror.h"
#include "machine/disks.h"
#include "support/host.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

// A cold base takes half a minute on a quiet machine, and minutes on a busy one; so does a boot under TCG.
constexpr std::chrono::minutes build_time{12};
constexpr std::chrono::minutes boot_time{6};
constexpr std::chrono::minutes verb_time{4};

constexpr auto manifest = R"(uplink: none
bridges:
  net: {subnet: 10.0.2.1/24}
defaults: {distribution: debian, release: bookworm, driver: qemu, accel: tcg, memory: 512M, build_free_mb: 400}
virtual_machines:
  web:
    packages: [waypipe, weston]
    networks: [{label: web0, bridge: net}]
  db:
    networks: [{label: db0, bridge: net}]
)";

fs::path kept_images() { return fs::path(MEROS_BINARY_DIR) / "tests/e2e/images"; }

Result finish(Command command, std::string_view input, std::chrono::milliseconds within) {
  Output output = run(std::move(command), input, Deadline::after(within));
  return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
}

void require(const Result& result) {
  if (result.code != 0) throw Error("the lab does not come up: " + result.err + result.out);
}

void duplicate(const fs::path& from, const fs::path& to) {
  Command command;
  command.argv = {"cp", "-a", "--reflink=auto", "--sparse=always", from.string(), to.string()};
  require(finish(command, {}, std::chrono::minutes(3)));
}

// What tells of a built image names its file by size, time and inode.
void restamp(const fs::path& built) {
  Json json = parse_json(read_file(built), built.string());
  const auto stamp = [&](const char* file, const char* member) {
    if (json.contains(file)) json[member] = machine::file_stamp(built.parent_path() / get<std::string>(json, file));
  };
  stamp("rootfs", "stamp");
  stamp("kernel", "kernel_stamp");
  replace_file(built, json.dump(2));
}

std::optional<GuestLab>& the_lab() {
  static std::optional<GuestLab> lab;
  return lab;
}

class TakeDown : public testing::Environment {
 public:
  void TearDown() override {
    if (the_lab()) the_lab()->take_down();
    the_lab().reset();
  }
};

}  // namespace

bool GuestLab::as_root() {
  const char* user = std::getenv("MEROS_TEST_USER");
  return user == nullptr || std::string_view(user) != "ordinary";
}

std::string GuestLab::lacking() {
  if (const auto why = test::lacking({Need::root, Need::mount, Need::namespaces, Need::user_namespaces, Need::qemu}))
    return *why;
  for (const char* program : {"mmdebstrap", "qemu-img", "ssh", "ssh-keygen", "rsync", "nft", "dnsmasq"})
    if (!find_program(program)) return std::string("needs ") + program;
  if (!as_root() && !find_program("newuidmap")) return "needs newuidmap (package uidmap)";
  if (!as_root() && (fs::status("/dev/net/tun").permissions() & fs::perms::others_write) == fs::perms::none)
    return "needs a /dev/net/tun that everybody may open";
  return why_no_mirror();
}

GuestLab::GuestLab() {
  if (!as_root()) user_ = std::make_unique<OrdinaryBuilder>(files_.path());
  home_ = std::make_unique<TestHome>(as_root() ? std::nullopt : std::optional(ordinary_user()));
  home_->write("inside/manifest.yml", manifest);
  home_->add_environment("XDG_RUNTIME_DIR=" + make_directory("run").string());
  fs::permissions(path() / "run", fs::perms::owner_all);
  take_images();
  give_away(path());
  // After the build, for nothing outside is reached from there.
  if (as_root()) network_ = std::make_unique<NetworkNamespace>();
  bring_up();
}

void GuestLab::take_down() const {
  EXPECT_TRUE(succeeds(meros({"shutdown", "inside", "--force"})));
  EXPECT_TRUE(succeeds(meros({"delete", "--all", "--yes"})));
  const auto left = [&] {
    std::vector<std::string> found;
    for (const auto& process : processes_of(path())) found.push_back(process.command_line);
    return found;
  };
  EXPECT_TRUE(eventually([&] { return left().empty(); })) << testing::PrintToString(left());
}

void GuestLab::take_images() const {
  // In a place that stays, for what is locked there is what the next run takes.
  const auto constellation = kept_images() / "inside";
  fs::create_directories(constellation);
  replace_file(constellation / "manifest.yml", manifest);
  std::vector<std::string> build = {"build", constellation.string(), "--data-dir", kept_images().string()};
  if (std::getenv("MEROS_DEBIAN_MIRROR") != nullptr) build.insert(build.end(), {"--mirror", mirror()});
  Command command = home_->meros_command(build);
  command.credentials.reset();
  require(finish(command, {}, build_time));
  for (const auto* directory : {"disks", "ssh_keys"}) fs::create_directories(data() / directory);
  for (const auto* directory : {"disks", "ssh_keys"})
    for (const auto& entry : fs::directory_iterator(kept_images() / directory)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("inside-") || name == "known_hosts") duplicate(entry.path(), data() / directory / name);
    }
  for (const auto* machine : {"inside-web.json", "inside-db.json"}) restamp(data() / "disks" / machine);
}

void GuestLab::bring_up() const { require(finish(command({"init", "inside", "--timeout", "300"}), {}, boot_time)); }

Result GuestLab::meros(std::vector<std::string> arguments, std::string_view input) const {
  return finish(command(std::move(arguments)), input, verb_time);
}

std::string GuestLab::in_guest(const std::string& target, const std::string& script) const {
  const Result result = meros({"exec", target, "--", "sh", "-c", script});
  EXPECT_TRUE(succeeds(result)) << script;
  return result.out;
}

Result GuestLab::on_host(std::vector<std::string> argv) const {
  Command command = home_->meros_command({});
  command.argv = std::move(argv);
  return finish(command, {}, verb_time);
}

fs::path GuestLab::make_directory(const std::string& name) const {
  const auto directory = path() / name;
  fs::create_directories(directory);
  give_away(directory);
  return directory;
}

void GuestLab::give_away(const fs::path& tree) const {
  if (as_root()) return;
  const auto user = ordinary_user();
  const auto give = [&](const fs::path& file) {
    if (::lchown(file.c_str(), user.uid, user.gid) != 0) throw_errno("cannot give away '" + file.string() + "'");
  };
  give(tree);
  if (!fs::is_directory(tree)) return;
  for (const auto& entry : fs::recursive_directory_iterator(tree)) give(entry.path());
}

std::string GuestLab::copy_of_key(const std::string& machine) const {
  static int count = 0;
  const auto key = path() / ("key-" + std::to_string(count++));
  duplicate(data() / "ssh_keys" / ("inside-" + machine + "-id_ed25519"), key);
  return key.string();
}

void InGuest::SetUp() {
  static const std::string lacking = GuestLab::lacking();
  if (!lacking.empty()) GTEST_SKIP() << lacking;
  if (!the_lab()) the_lab().emplace();
}

GuestLab& InGuest::lab() { return *the_lab(); }

std::unique_ptr<testing::Environment> lab_environment() { return std::make_unique<TakeDown>(); }

}  // namespace meros::test
