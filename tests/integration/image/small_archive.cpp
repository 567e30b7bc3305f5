#include "integration/image/small_archive.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/deadline.h"
#include "base/file.h"
#include "base/line_socket.h"
#include "base/text.h"
#include "support/host.h"
#include "support/process.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

constexpr std::chrono::minutes build_time{4};

std::string script() { return std::string(MEROS_SOURCE_DIR) + "/tests/integration/image/make-mirror"; }

// The packages and keys, made once for all tests of this build directory.
fs::path made_once() {
  const fs::path made = fs::path(MEROS_BINARY_DIR) / "tests/integration/image/archive";
  if (fs::exists(made)) return made;
  fs::create_directories(made.parent_path());
  const TemporaryDirectory directory(made.parent_path());
  run_tool({script(), "key", directory.path() / "archive/keys"});
  run_tool({script(), "packages", directory.path() / "archive/pool"});
  std::error_code another_test_was_quicker;
  fs::rename(directory.path() / "archive", made, another_test_was_quicker);
  return made;
}

std::string release_of(const std::string& distribution) {
  if (distribution == "alpine") return "'3.20'";
  return distribution == "ubuntu" ? "noble" : "bookworm";
}

}  // namespace

std::string run_tool(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  const Output output = run(command, {}, Deadline::after(std::chrono::minutes(2)));
  EXPECT_TRUE(output.status.success()) << command.argv[0] << ": " << output.err;
  return output.out;
}

FileServer::FileServer(const fs::path& directory, const fs::path& log) : log_(log) {
  Command command;
  command.argv = {"python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", directory.string(), "0"};
  Pipe pipe = make_pipe();
  const Fd errors = open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  command.pass(pipe.write_end.get(), 1);
  command.pass(errors.get(), 2);
  child_ = spawn(command);
  pipe.write_end.reset();
  std::string line;
  for (char c = 0; ::read(pipe.read_end.get(), &c, 1) == 1 && c != '\n';) line += c;
  // "Serving HTTP on 127.0.0.1 port 12345 (http://…) ..."
  const auto words = split(line, ' ');
  const auto port = words.size() > 5 ? parse_unsigned(words[5]) : std::nullopt;
  if (!port) throw Error("the server says '" + line + "'");
  port_ = static_cast<unsigned>(*port);
}

std::size_t FileServer::requests() const {
  const std::string text = read_file(log_);
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

SmallArchive::SmallArchive(fs::path directory, const std::string& suite)
    : directory_(std::move(directory)), suite_(suite) {
  const fs::path made = made_once();
  for (const char* name : {"mirror", "keys"}) fs::create_directories(directory_ / name);
  for (const auto& file : fs::directory_iterator(made / "keys"))
    if (file.is_regular_file() || file.is_directory())
      fs::copy(file.path(), directory_ / "keys" / file.path().filename(), fs::copy_options::recursive);
  fs::permissions(directory_ / "keys", fs::perms(0700));
  if (suite_ == "alpine")
    run_tool({script(), "alpine", directory_ / "mirror", directory_ / "keys"});
  else
    take_packages(made);
  server_ = std::make_unique<FileServer>(directory_ / "mirror", directory_ / "requests");
}

void SmallArchive::take_packages(const fs::path& made) const {
  fs::copy(made / "pool", directory_ / "mirror/pool",
           fs::copy_options::create_hard_links | fs::copy_options::recursive);
  publish();
}

void SmallArchive::publish() const {
  run_tool({script(), "publish", directory_ / "mirror", suite_, directory_ / "keys"});
}

void SmallArchive::release(const std::string& name, const std::string& version) {
  for (const auto& file : fs::directory_iterator(directory_ / "mirror/pool"))
    if (file.path().filename().string().starts_with(name + "_")) fs::remove(file.path());
  run_tool({script(), "deb", directory_ / "mirror/pool", name, version});
  publish();
}

void SmallBuild::SetUp() {
  MEROS_REQUIRE(Need::root, Need::mount);
  for (const char* program : {"mmdebstrap", "mke2fs", "debugfs", "qemu-img", "ssh-keygen", "apt-get", "gpg", "python3"})
    if (!find_program(program)) GTEST_SKIP() << "needs " << program;
  if (!fs::exists("/bin/busybox")) GTEST_SKIP() << "needs busybox-static";
  home_ = std::make_unique<TestHome>();
}

void SmallBuild::TearDown() {
  if (!home_ || !archive_) return;
  archive_->stop();
  EXPECT_TRUE(eventually([&] { return unfinished().empty(); })) << testing::PrintToString(unfinished());
}

void SmallBuild::serve(const std::string& suite) {
  archive_ = std::make_unique<SmallArchive>(home_->path() / "archive", suite);
}

void SmallBuild::write_manifest(const std::string& machines, const std::string& distribution) const {
  home_->write(
      "lab/manifest.yml",
      fmt::format("bridges:\n  net: {{subnet: 10.0.2.1/24}}\ndefaults:\n  distribution: {}\n  release: {}\n"
                  "  driver: qemu\n  memory: 256M\n  build_free_mb: 40\n  mirrors: ['{}']\n  keyring: '{}'\n"
                  "virtual_machines:\n{}",
                  distribution, release_of(distribution), archive_->url(), archive_->keyring().string(), machines));
}

Command SmallBuild::build_command(std::vector<std::string> more) const {
  std::vector<std::string> arguments = {"build", "lab"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return home_->meros_command(std::move(arguments));
}

Result SmallBuild::build(std::vector<std::string> more) const {
  Output output = run(build_command(std::move(more)), {}, Deadline::after(build_time));
  return {output.status.shell_code(), std::move(output.out), std::move(output.err)};
}

std::string SmallBuild::ask(const std::string& machine, const std::string& request) const {
  const TemporaryDirectory directory(home_->path());
  const fs::path raw = directory.path() / "raw";
  run_tool({"qemu-img", "convert", "-O", "raw", disk(machine), raw});
  return run_tool({"debugfs", "-R", request, raw});
}

std::string SmallBuild::read(const std::string& machine, const std::string& path) const {
  return ask(machine, "cat " + path);
}

std::string SmallBuild::list(const std::string& machine, const std::string& directory) const {
  return ask(machine, "ls -p " + directory);
}

std::string SmallBuild::sha256(const std::string& machine) const {
  return run_tool({"sha256sum", disk(machine)}).substr(0, 64);
}

std::vector<std::string> SmallBuild::unfinished() const {
  std::vector<std::string> found;
  for (const auto& directory : {data() / "cache", data() / "disks"})
    if (fs::exists(directory))
      for (const auto& entry : fs::directory_iterator(directory)) {
        const std::string name = entry.path().filename();
        if (name.starts_with(".") && name != ".locks") found.push_back(name);
      }
  for (const auto& process : processes_of(data())) found.push_back(process.command_line);
  if (read_file("/proc/self/mounts").find((data() / "cache").string()) != std::string::npos) found.push_back("a mount");
  return found;
}

}  // namespace meros::test
