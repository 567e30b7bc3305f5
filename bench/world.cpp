#include "world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "samples.h"

namespace fs = std::filesystem;

namespace meros::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;

fs::path place_of_worlds() {
  const char* set = std::getenv("MEROS_BENCH_DIR");
  return set != nullptr && *set != '\0' ? fs::path(set) : fs::path(MEROS_BINARY_DIR);
}

}  // namespace

fs::path meros_program() { return fs::path(MEROS_BINARY_DIR) / "bin/meros"; }
fs::path guest(const std::string& name) { return fs::path(MEROS_BINARY_DIR) / "tests/guests" / (name + ".elf"); }

std::vector<Vmm> vmms() {
  std::vector<Vmm> found;
  if (const auto qemu = find_program("qemu-system-x86_64"))
    found.push_back({"QEMU microvm, TCG", "qemu", *qemu, "tcg"});
  if (const char* firecracker = std::getenv("MEROS_TEST_FIRECRACKER"); firecracker != nullptr && *firecracker != '\0')
    found.push_back({"Firecracker", "firecracker", firecracker, "kvm"});
  return found;
}

World::World() : World(place_of_worlds()) {}
World::World(const fs::path& parent) : directory_(parent) {}

World::~World() {
  try {
    run(meros({"delete", "--all", "--yes", "--force"}));
  } catch (const Error& e) {
    fmt::print(stderr, "cannot remove the machines in '{}': {}\n", path().string(), e.message());
  }
}

Command World::meros(std::vector<std::string> arguments) const {
  Command command;
  command.argv = {meros_program().string()};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.argv.insert(command.argv.end(), {"--data-dir", data_dir().string()});
  return command;
}

std::string World::must(std::vector<std::string> arguments) const {
  const std::string verb = arguments.front();
  const Output output = run(meros(std::move(arguments)));
  if (!output.status.success()) throw Error(fmt::format("'meros {}' failed: {}", verb, output.err));
  return output.out;
}

void World::create(const std::string& name, const Vmm& vmm, const std::string& guest_name) const {
  must({"create", name, "--driver", vmm.driver, fmt::format("--{}-bin", vmm.driver), vmm.program, "--accel", vmm.accel,
        "--kernel", guest(guest_name).string(), "--memory", "128", "--no-network"});
}

Json World::info(const std::string& name) const { return parse_json(must({"info", name, "-o", "json"}), "info"); }

double time_to_end(const Command& command) {
  const auto begin = Clock::now();
  Child child = spawn(command);
  const ExitStatus status = child.wait();
  const auto end = Clock::now();
  if (!status.success()) throw Error(fmt::format("'{}': {}", command.argv.front(), status.describe()));
  return ms_between(begin, end);
}

ConsoleLog::ConsoleLog(const fs::path& volume) : file_(volume / "console.log"), watch_(::inotify_init1(IN_CLOEXEC)) {
  if (!watch_ || ::inotify_add_watch(watch_.get(), volume.c_str(), IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0)
    throw_errno("cannot watch '" + volume.string() + "'");
  std::error_code absent;
  const auto size = fs::file_size(file_, absent);
  if (!absent) offset_ = size;
}

bool ConsoleLog::take_in() {
  const Fd file(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::array<char, 4096> buffer{};
  const ssize_t n = ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
  if (n <= 0) return false;
  offset_ += static_cast<std::uintmax_t>(n);
  text_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

void ConsoleLog::wait_for(std::string_view text) {
  const Deadline deadline = Deadline::after(patience);
  for (;;) {
    while (take_in())
      if (text_.find(text) != std::string::npos) return;
    if (meros::wait_for(watch_, POLLIN, deadline.poll_timeout()) == 0)
      throw TimeoutError(fmt::format("'{}' was not said in '{}'", text, file_.string()));
    std::array<char, 4096> events{};
    if (::read(watch_.get(), events.data(), events.size()) < 0) throw_errno("cannot read inotify events");
  }
}

}  // namespace meros::bench
