// What the verbs that go into guests cost over bare ssh and rsync, and how soon a line of the guest's is shown.
//
// The guest's part is played by this host's sshd, at the machine's address in the network of its constellation: what an
// emulated guest takes would hide what is measured.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>

#include "base/error.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "figures.h"
#include "network/names.h"
#include "world.h"

namespace fs = std::filesystem;

namespace meros::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;
constexpr auto address = "10.77.0.2";

void must_run(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  const Output output = run(command);
  if (!output.status.success()) throw Error(fmt::format("'{}' failed: {}", join(command.argv, " "), output.err));
}

// A network and mounts of our own, as long as this lives: root's home is empty then, and /run has our sockets only.
class OwnPlaces {
 public:
  explicit OwnPlaces(const fs::path& home)
      : network_(open_file("/proc/self/ns/net", O_RDONLY)), mounts_(open_file("/proc/self/ns/mnt", O_RDONLY)) {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) throw_errno("cannot make namespaces");
    mount("none", "/", MS_REC | MS_PRIVATE);
    must_run({"ip", "link", "set", "lo", "up"});
    fs::create_directory(home);
    mount(home.string(), "/root", MS_BIND);
    if (::mount("tmpfs", "/run", "tmpfs", 0, "mode=755") != 0) throw_errno("cannot mount /run");
    fs::create_directory("/run/sshd");
  }
  ~OwnPlaces() {
    ::setns(network_.get(), CLONE_NEWNET);
    ::setns(mounts_.get(), CLONE_NEWNS);
  }
  OwnPlaces(const OwnPlaces&) = delete;
  OwnPlaces& operator=(const OwnPlaces&) = delete;

 private:
  static void mount(const std::string& from, const char* to, unsigned long flags) {
    if (::mount(from.c_str(), to, nullptr, flags, nullptr) != 0) throw_errno(fmt::format("cannot mount {}", to));
  }
  Fd network_;
  Fd mounts_;
};

// A constellation of one machine with a tiny guest, and an sshd at its address.
class GuestWorld {
 public:
  GuestWorld() : places_(world_.path() / "home") {
    write(
        "lab/manifest.yml",
        fmt::format("uplink: none\nbridges:\n  lan: {{subnet: 10.77.0.1/24}}\nvirtual_machines:\n  vm: {{driver: qemu, "
                    "accel: tcg, memory: 64, cpus: 1, ready: none, kernel: {}, networks: [{{label: vm0, bridge: lan, "
                    "ip_addr: {}}}]}}\n",
                    guest("halt").string(), address));
    must({"init", (world_.path() / "lab").string()});
    must({"enter", "lab", "--", "ip", "address", "add", fmt::format("{}/32", address), "dev", "lo"});
    for (const auto& key : {host_key(), identity()})
      must_run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.string()});
    write("sshd.conf", fmt::format("ListenAddress {}\nHostKey {}\nAuthorizedKeysFile {}.pub\nPermitRootLogin yes\n"
                                   "StrictModes no\nUsePAM no\nPidFile none\n",
                                   address, host_key().string(), identity().string()));
    sshd_ = spawn(meros({"enter", "lab", "--", "/usr/sbin/sshd", "-D", "-f", (world_.path() / "sshd.conf").string()}));
    const Deadline deadline = Deadline::after(patience);
    while (!run(exec({"--host-key", host_key().string() + ".pub"})).status.success())
      if (deadline.passed()) throw TimeoutError("the sshd does not answer");
    network_ =
        open_file(fs::path("/run/netns") / network::names_of(world_.data_dir() / "networks/lab").network, O_RDONLY);
  }
  ~GuestWorld() {
    try {
      sshd_.kill(SIGTERM);
      sshd_.wait();
      run(meros({"shutdown", "lab", "--volumes", "--force"}));
    } catch (const Error& e) {
      fmt::print(stderr, "cannot take the constellation down: {}\n", e.message());
    }
  }
  GuestWorld(const GuestWorld&) = delete;
  GuestWorld& operator=(const GuestWorld&) = delete;

  const fs::path& path() const { return world_.path(); }
  fs::path volume() const { return world_.data_dir() / "volumes/lab/vm"; }

  Command meros(std::vector<std::string> arguments) const {
    Command command;
    command.argv = {meros_program().string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"MEROS_DATA_DIR=" + world_.data_dir().string(), "XDG_RUNTIME_DIR="};
    return command;
  }
  Command in_guest(const std::string& verb, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {verb, "lab/vm", "--user", "root", "--identity", identity().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return meros(arguments);
  }
  Command exec(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--", "true"});
    return in_guest("exec", more);
  }

  // ssh as a person would start it who knows the socket of the shared connection.
  std::vector<std::string> ssh_over_shared() const {
    return {"ssh", "-o", "User=root", "-o", "ControlPath=" + shared_socket().string()};
  }
  // And without it, from within the network.
  Command bare_ssh() const {
    Command command;
    command.argv = {"ssh",
                    "-F",
                    "none",
                    "-o",
                    "HostKeyAlias=vm.lab.meros",
                    "-o",
                    "UserKnownHostsFile=" + (world_.data_dir() / "ssh_keys/known_hosts").string(),
                    "-o",
                    "IdentitiesOnly=yes",
                    "-i",
                    identity().string(),
                    fmt::format("root@{}", address),
                    "true"};
    command.network_namespace = network_.get();
    return command;
  }
  void end_shared() const {
    Command end;
    end.argv = ssh_over_shared();
    end.argv.insert(end.argv.end(), {"-O", "exit", "vm.lab.meros"});
    run(end);
  }

 private:
  void must(std::vector<std::string> arguments) const {
    const Output output = run(meros(arguments));
    if (!output.status.success()) throw Error(fmt::format("'meros {}' failed: {}", arguments.front(), output.err));
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path() / name).parent_path());
    replace_file(path() / name, text);
  }
  fs::path host_key() const { return path() / "host_key"; }
  fs::path identity() const { return path() / "identity"; }
  static fs::path shared_socket() {
    for (const auto& link : fs::directory_iterator("/run/meros"))
      for (const auto& entry : fs::directory_iterator(link.path() / ""))
        if (entry.path().filename().string().starts_with("ssh-")) return link.path() / entry.path().filename();
    throw Error("there is no shared connection");
  }

  World world_;
  OwnPlaces places_;
  Child sshd_;
  Fd network_;
};

bool can_measure() {
  return ::geteuid() == 0 && !vmms().empty() && vmms().front().driver == "qemu" && fs::exists("/usr/sbin/sshd") &&
         find_program("rsync") && find_program("ip");
}

fs::path make_file(const fs::path& path, std::size_t size) {
  std::mt19937_64 random(1);
  std::string data(size, '\0');
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(&data[at], &word, sizeof word);
  }
  replace_file(path, data, 0644);
  return path;
}

std::vector<Row> rows_of_exec(const GuestWorld& world, const Settings& settings) {
  Command warm;
  warm.argv = world.ssh_over_shared();
  warm.argv.insert(warm.argv.end(), {"vm.lab.meros", "true"});
  const auto shared =
      in_turn(settings.rounds_or(60), {[&] { return time_to_end(warm); }, [&] { return time_to_end(world.exec()); }});
  const auto cold = in_turn(settings.rounds_or(40), {[&] { return time_to_end(world.bare_ssh()); },
                                                     [&] {
                                                       world.end_shared();
                                                       return time_to_end(world.exec());
                                                     }});
  return {compare("`exec -- true` on a shared connection, against ssh on it", shared[0], shared[1], 10),
          compare("`exec -- true` cold, against ssh within the network", cold[0], cold[1], 20)};
}

Row row_of_push(const GuestWorld& world, const Settings& settings) {
  const auto file = make_file(world.path() / "hundred", 100'000'000);
  const auto fresh = [](double took) {
    fs::remove_all("/root/mos-shared");
    return took;
  };
  Command bare;
  bare.argv = {"rsync", "-aS", "-e", join(world.ssh_over_shared(), " "), file.string(), "vm.lab.meros:mos-shared/"};
  const Command push = world.in_guest("push", {file.string()});
  const auto samples = in_turn(settings.rounds_or(12),
                               {[&] { return fresh(time_to_end(bare)); }, [&] { return fresh(time_to_end(push)); }});
  const double ratio = samples[0].p25() / samples[1].p25();
  return {"`push` of 100 MB, against rsync on the same connection",
          samples[1].size(),
          times(samples[0]) + " (rsync)",
          times(samples[1]),
          fmt::format("x {:.2f} of its speed", ratio),
          "at least x 0.95",
          ratio >= 0.95};
}

// Reads until the text came.
void read_until(const Fd& from, std::string_view text) {
  std::string got;
  std::array<char, 4096> buffer{};
  const Deadline deadline = Deadline::after(patience);
  while (got.find(text) == std::string::npos) {
    if (wait_for(from, POLLIN, deadline.poll_timeout()) == 0)
      throw TimeoutError(fmt::format("'{}' did not come", text));
    const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
    if (n <= 0) throw Error("the stream ended");
    got.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// The guest repeats what it is told: from telling it to the line in the output of `logs -f`.
Row row_of_logs(const GuestWorld& world, const Settings& settings) {
  Pipe shown = make_pipe();
  Command follow = world.meros({"logs", "-f", "--tail", "0", "lab/vm"});
  follow.pass(shown.write_end.get(), 1);
  Child child = spawn(follow);
  shown.write_end.reset();
  const Fd volume = open_file(world.volume(), O_RDONLY | O_DIRECTORY);
  const auto console = connect_unix(volume, "console.sock");
  if (!console) throw Error("there is no console");
  int number = 0;
  const auto say = [&](const Fd& seen_at) {
    const std::string line = fmt::format("line {} of many\n", number++);
    const auto begin = Clock::now();
    write_all(*console, line);
    read_until(seen_at, line);
    const double took = ms_between(begin, Clock::now());
    read_until(&seen_at == &*console ? shown.read_end : *console, line);
    return took;
  };
  say(shown.read_end);  // from now on it follows
  const auto samples =
      in_turn(settings.rounds_or(100), {[&] { return say(*console); }, [&] { return say(shown.read_end); }});
  // The guest takes its own time to answer; the console has its line as soon as it is written.
  return compare("`logs -f`, to a line of the guest's, against its console", samples[0], samples[1], 50);
}

}  // namespace

std::vector<Row> measure_guest(const Settings& settings) {
  if (!can_measure()) return {};
  const GuestWorld world;
  auto rows = rows_of_exec(world, settings);
  rows.push_back(row_of_push(world, settings));
  rows.push_back(row_of_logs(world, settings));
  return rows;
}

}  // namespace meros::bench
