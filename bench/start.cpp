// From the command to the guest's first line, and from the VMM's end to the end of `stop`.
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include "figures.h"
#include "world.h"

namespace meros::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto bare_patience = 5s;

// As a person would start it by hand, with the same machine, memory and guest.
Command bare_command(const World& world, const Vmm& vmm) {
  const std::string kernel = guest("tiny").string();
  Command command;
  if (vmm.driver == "qemu") {
    command.argv = {
        vmm.program, "-M",          "microvm,acpi=off", "-accel",   vmm.accel, "-cpu",       "max",     "-m",
        "128M",      "-nodefaults", "-no-user-config",  "-display", "none",    "-no-reboot", "-device", "i8042",
        "-kernel",   kernel,        "-serial",          "stdio"};
    return command;
  }
  const auto config = world.path() / "bare.json";
  const Json json = {{"boot-source", {{"kernel_image_path", kernel}, {"boot_args", "console=ttyS0"}}},
                     {"machine-config", {{"vcpu_count", 1}, {"mem_size_mib", 128}}},
                     {"drives", Json::array()}};
  replace_file(config, json.dump());
  command.argv = {vmm.program, "--no-api", "--config-file", config.string()};
  return command;
}

// The guest's first line, or the bare VMM's end or silence: then nothing.
std::optional<double> try_bare_start(Command command) {
  Pipe pipe = make_pipe();
  command.pass(pipe.write_end.get(), 1);
  const Deadline deadline = Deadline::after(bare_patience);
  const auto begin = Clock::now();
  Child child = spawn(command);
  pipe.write_end.reset();
  std::string text;
  while (text.find(ready_line) == std::string::npos) {
    std::array<char, 4096> buffer{};
    if (wait_for(pipe.read_end, POLLIN, deadline.poll_timeout()) == 0) return std::nullopt;
    const ssize_t n = ::read(pipe.read_end.get(), buffer.data(), buffer.size());
    if (n <= 0) throw Error("the bare VMM ended: " + text);
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const auto end = Clock::now();
  child.kill(SIGKILL);
  child.wait();
  return ms_between(begin, end);
}

// QEMU by itself hangs now and then on a loaded host; such a run says nothing of us.
double bare_start(const Command& command) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (const auto took = try_bare_start(command)) return *took;
    fmt::print(stderr, "the bare VMM said nothing for {} s: once more\n", bare_patience.count());
  }
  throw TimeoutError("the bare VMM says nothing");
}

double our_start(const World& world) {
  ConsoleLog console(world.volume("vm"));
  const auto begin = Clock::now();
  Child child = spawn(world.meros({"start", "vm"}));
  console.wait_for(ready_line);
  const auto end = Clock::now();
  if (!child.wait().success()) throw Error("'meros start' failed");
  world.must({"stop", "vm", "--force"});
  return ms_between(begin, end);
}

struct Stop {
  double guest;    // from the command to the VMM's end
  double return_;  // from there to the end of the command
};

Stop timed_stop(const World& world) {
  ConsoleLog console(world.volume("vm"));
  world.must({"start", "vm"});
  console.wait_for(ready_line);
  const auto pid = get<pid_t>(world.info("vm"), "vmm_pid");
  const Fd vmm(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!vmm) throw_errno("cannot watch the VMM");
  const auto begin = Clock::now();
  Child child = spawn(world.meros({"stop", "vm"}));
  if (wait_for(vmm, POLLIN, 30'000) == 0) throw TimeoutError("the VMM does not end");
  const auto ended = Clock::now();
  if (!child.wait().success()) throw Error("'meros stop' failed");
  return {ms_between(begin, ended), ms_between(ended, Clock::now())};
}

}  // namespace

std::vector<Row> measure_start(const Settings& settings) {
  std::vector<Row> rows;
  for (const auto& vmm : vmms()) {
    const World world;
    world.create("vm", vmm, "tiny");
    const auto command = bare_command(world, vmm);
    const auto samples =
        in_turn(settings.rounds_or(40), {[&] { return bare_start(command); }, [&] { return our_start(world); }});
    rows.push_back(compare("start to the guest's first line, " + vmm.title, samples[0], samples[1], 10));
  }
  return rows;
}

std::vector<Row> measure_stop(const Settings& settings) {
  std::vector<Row> rows;
  for (const auto& vmm : vmms()) {
    const World world;
    world.create("vm", vmm, "tiny");
    Samples guest_takes;
    Samples returns;
    for (std::size_t i = 0; i < settings.rounds_or(30); ++i) {
      const Stop stop = timed_stop(world);
      guest_takes.add(stop.guest);
      returns.add(stop.return_);
    }
    rows.push_back(limit("stop, from the VMM's end to its return, " + vmm.title, returns, 20));
    rows.push_back({"stop, from the command to the VMM's end, " + vmm.title, guest_takes.size(), "", times(guest_takes),
                    "", "", std::nullopt});
  }
  return rows;
}

}  // namespace meros::bench
