#include "integration/network/world.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grp.h>
#include <algorithm>

#include "base/descriptor_socket.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "network/netlink.h"
#include "support/devices.h"
#include "support/host.h"
#include "support/process.h"
#include "support/programs.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using network::HolderPlace;
using network::NetworkSpec;
using network::Rights;

// One object for what the holder's client says.
class Collector : public SilentReporter {
 public:
  explicit Collector(std::vector<std::string>& warnings) : warnings_(warnings) {}
  void warn(std::string_view text) override { warnings_.emplace_back(text); }

 private:
  std::vector<std::string>& warnings_;
};

// A private /run for names and records, /dev/net/tun open to all, and a resolv.conf of our own: all of it in our mount
// namespace only.
void prepare_mounts() {
  if (::mount("none", "/run", "tmpfs", 0, "mode=0755") != 0) throw_errno("cannot mount /run");
  fs::create_directory("/run/netns");
  write_all(open_file("/run/resolv.conf", O_WRONLY | O_CREAT, 0644), "nameserver 192.0.2.1\n");
  if (!open_devices_to_all()) throw_errno("cannot open /dev/net/tun to all");
  const fs::path resolv = fs::canonical("/etc/resolv.conf");
  if (::mount("/run/resolv.conf", resolv.c_str(), nullptr, MS_BIND, nullptr) != 0)
    throw_errno("cannot mount resolv.conf");
}

std::unique_ptr<network::NetworkNamespace> make_outside() {
  auto outside = std::make_unique<network::NetworkNamespace>(network::NetworkNamespace::make());
  const network::Netlink netlink;
  netlink.add_veth({"eth0", "02:00:00:00:01:01", 1400}, {"eth0", "02:00:00:00:01:02", 1400}, outside->fd(), "world");
  ip({"address", "add", "192.0.2.10/24", "dev", "eth0"});
  ip({"address", "add", "192.0.2.11/24", "dev", "eth0"});
  ip({"link", "set", "eth0", "up"});
  outside->run([] {
    ip({"address", "add", "192.0.2.1/24", "dev", "eth0"});
    ip({"address", "add", "203.0.113.9/32", "dev", "lo"});
    ip({"address", "add", "203.0.113.10/32", "dev", "lo"});
    ip({"link", "set", "eth0", "up"});
  });
  ip({"route", "add", "default", "via", "192.0.2.1"});
  // pasta pings for an ordinary user.
  write_all(open_file("/proc/sys/net/ipv4/ping_group_range", O_WRONLY), "0 2147483647");
  return outside;
}

std::unique_ptr<Services> start_services(const network::NetworkNamespace& outside) {
  auto services = std::make_unique<Services>();
  services->add_tcp(&outside, "0.0.0.0", 80, "outside");
  for (const char* address : {"192.0.2.1", "203.0.113.9", "203.0.113.10"})
    services->add_udp(&outside, address, 80, "outside");
  services->add_dns(&outside, "192.0.2.1");
  for (const std::uint16_t port : {std::uint16_t{22}, std::uint16_t{80}, std::uint16_t{8080}})
    services->add_tcp(nullptr, "0.0.0.0", port, "host");
  services->add_udp(nullptr, "0.0.0.0", 8080, "host");
  services->add_tcp(nullptr, "127.0.0.1", 443, "loopback");
  services->start();
  return services;
}

std::string output_of(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  const Output output = run(command);
  if (!output.status.success()) throw Error("'" + join(command.argv, " ") + "' failed: " + output.err);
  return output.out;
}

// As the user's own login would have it: his files in /proc are his.
void become(const Command::Credentials& user) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user.gid, user.gid, user.gid) != 0 ||
      ::setresuid(user.uid, user.uid, user.uid) != 0 || ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
    throw_errno("cannot become an ordinary user");
}

[[noreturn]] void throw_as(const Error& error) {
  switch (error.exit_code()) {
    case ExitCode::not_found:
      throw NotFoundError(error.message(), error.hint());
    case ExitCode::busy:
      throw BusyError(error.message(), error.hint());
    case ExitCode::host_lacks:
      throw HostError(error.message(), error.hint());
    case ExitCode::invalid:
      throw InvalidError(error.message(), error.hint());
    default:
      throw Error(error);
  }
}

}  // namespace

network::BridgeSpec bridge(const std::string& name, const std::string& subnet, network::Policy policy) {
  network::BridgeSpec bridge;
  bridge.name = name;
  bridge.subnet = network::parse_ipv4_network(subnet, "subnet");
  bridge.policy = policy;
  bridge.allowed_ports = {80, 443};
  return bridge;
}

network::PortSpec port(const std::string& machine, const std::string& bridge, const std::string& address) {
  network::PortSpec port;
  port.machine = machine;
  port.tap = machine + "-tap";
  port.bridge = bridge;
  port.mac = network::stable_mac("test " + machine);
  if (!address.empty()) port.address = network::parse_ipv4(address, "address");
  return port;
}

void World::SetUp() {
  MEROS_REQUIRE(Need::root, Need::namespaces, Need::ip, Need::mount);
  for (const char* program : {"nft", "dnsmasq", "pasta"})
    if (!find_program(program)) GTEST_SKIP() << "needs " << program;
  if (!is_root()) MEROS_REQUIRE(Need::user_namespaces);
  host_ = std::make_unique<NetworkNamespace>();
  home_ = std::make_unique<TemporaryDirectory>("/var/tmp");
  prepare_mounts();
  if (::chmod(home_->path().c_str(), 0755) != 0) throw_errno("cannot set the mode of the home");
  if (!is_root() && ::chown(home_->path().c_str(), ordinary_user().uid, ordinary_user().gid) != 0)
    throw_errno("cannot give away the home");
  outside_ = make_outside();
  services_ = start_services(*outside_);
  leaks_ = std::make_unique<LeakCheck>(home_->path());
  state_before_ = host_state();
}

void World::TearDown() {
  if (!services_) return;
  if (remove_constellations_)
    for (const auto& constellation : constellations_) remove(constellation);
  EXPECT_EQ(leaks_->found(), std::vector<std::string>()) << "the test left something behind";
  EXPECT_EQ(host_state(), state_before_) << "the test left something behind";
  kill_processes_of(home_->path());
  services_.reset();  // its thread, too, must be gone before we leave the mount namespace
}

// Rules, routes and forwarding, as text that is only compared; and the namespaces that descriptors of ours pin.
std::set<std::string> World::host_state() const {
  std::set<std::string> state;
  for (const auto& line : split(output_of({"ip", "-4", "route", "show", "table", "all"}), '\n'))
    state.insert("route " + line);
  state.insert("tables " + output_of({"nft", "list", "tables"}));
  for (const auto& link : network::list_links())
    state.insert("forwarding of " + link.name + " " +
                 read_file("/proc/sys/net/ipv4/conf/" + link.name + "/forwarding"));
  for (const char* name : {"ipv4/ip_forward", "ipv4/conf/all/forwarding", "ipv4/conf/default/forwarding"})
    state.insert(std::string(name) + " " + read_file(std::string("/proc/sys/net/") + name));
  for (const auto& entry : fs::directory_iterator("/run/netns"))
    state.insert("name " + entry.path().filename().string());
  if (fs::exists("/run/meros/forwarding.json")) state.insert("record of forwarding");
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd"))
    if (const auto link = fs::read_symlink(entry.path(), gone).string(); link.starts_with("net:["))
      state.insert("namespace " + link);
  return state;
}

fs::path World::directory(const std::string& constellation) const {
  return home_->path() / "data" / "networks" / constellation;
}

NetworkSpec World::spec(const std::string& constellation) const {
  NetworkSpec spec;
  spec.constellation = constellation;
  spec.data_dir = (home_->path() / "data").string();
  return spec;
}

HolderPlace World::place(const std::string& constellation) const {
  return {directory(constellation), supervisor_program(), inhabitants_};
}

std::vector<Fd> World::as_caller(const Work& work, std::vector<std::string>* words) const {
  return as_user(caller(), work, words);
}

std::optional<Command::Credentials> World::caller() const {
  return is_root() ? std::nullopt : std::optional(ordinary_user());
}

void World::as_stranger(const std::string& constellation) {
  const Command::Credentials stranger{ordinary_user().uid + 1, ordinary_user().gid + 1, {}};
  as_user(
      stranger,
      [&](std::vector<std::string>& said) -> std::vector<Fd> {
        Collector reporter(said);
        network::remove_network(place(constellation), reporter);
        return {};
      },
      nullptr);
}

std::vector<Fd> World::as_user(const std::optional<Command::Credentials>& user, const Work& work,
                               std::vector<std::string>* words) const {
  return finish(begin(user, work), words);
}

World::Call World::begin(const std::optional<Command::Credentials>& user, const Work& work) {
  SocketPair pair = make_socket_pair();
  const pid_t child = ::fork();
  if (child == 0) {
    Json answer = {{"ok", true}};
    std::vector<Fd> given;
    std::vector<std::string> said;
    try {
      if (user) become(*user);
      given = work(said);
      answer["words"] = said;
    } catch (const Error& e) {
      answer = {{"ok", false}, {"error", to_json(e)}};
    } catch (const std::exception& e) {
      answer = {{"ok", false}, {"error", to_json(Error(e.what()))}};
    }
    std::vector<int> numbers;
    for (const auto& fd : given) numbers.push_back(fd.get());
    send_line_with(pair.theirs, answer.dump(), numbers);
    ::_exit(0);
  }
  if (child < 0) throw_errno("cannot fork");
  return {child, std::move(pair.ours)};
}

std::vector<Fd> World::finish(Call call, std::vector<std::string>* words) {
  auto line = read_line_with(call.answer, std::size_t{1} << 20, Deadline::after(patience * 4));
  int status = 0;
  ::waitpid(call.pid, &status, 0);
  if (!line) throw Error("the caller ended without a word");
  const Json answer = parse_json(line->line, "the caller's answer");
  if (!get<bool>(answer, "ok")) throw_as(error_from_json(get<Json>(answer, "error")));
  if (words != nullptr) *words = get<std::vector<std::string>>(answer, "words");
  return std::move(line->descriptors);
}

World::Work World::applying(const NetworkSpec& spec) const {
  return [this, spec](std::vector<std::string>& said) -> std::vector<Fd> {
    Collector reporter(said);
    NetworkSpec mine = spec;
    for (auto& port : mine.ports)
      if (port.owner_uid == 0) port.owner_uid = ::geteuid();
    network::Holder::ensure(place(spec.constellation), reporter).apply(mine, reporter);
    return {};
  };
}

std::vector<std::string> World::apply(const NetworkSpec& spec) {
  constellations_.insert(spec.constellation);
  std::vector<std::string> warnings;
  as_caller(applying(spec), &warnings);
  return warnings;
}

World::Call World::begin_apply(const NetworkSpec& spec) {
  constellations_.insert(spec.constellation);
  return begin(caller(), applying(spec));
}

std::string World::error_of(Call call) {
  try {
    finish(std::move(call), nullptr);
    return "";
  } catch (const Error& e) {
    return e.message();
  }
}

void World::remove(const std::string& constellation) {
  as_caller([&](std::vector<std::string>& said) -> std::vector<Fd> {
    Collector reporter(said);
    network::remove_network(place(constellation), reporter);
    return {};
  });
}

network::NetworkStatus World::status(const std::string& constellation) {
  std::vector<std::string> words;
  as_caller(
      [&](std::vector<std::string>& said) -> std::vector<Fd> {
        auto holder = network::Holder::find(directory(constellation));
        if (!holder) throw NotFoundError("no holder");
        const auto status = holder->status();
        said = {std::to_string(status.pid), status.uplink, status.namespace_of, std::to_string(status.namespace_inode)};
        said.insert(said.end(), status.problems.begin(), status.problems.end());
        return {};
      },
      &words);
  return {static_cast<pid_t>(*parse_unsigned(words[0])),
          words[1],
          words[2],
          *parse_unsigned(words[3]),
          {words.begin() + 4, words.end()}};
}

Fd World::open_tap(const std::string& constellation, const std::string& tap) {
  auto fds = as_caller([&](std::vector<std::string>&) {
    std::vector<Fd> given;
    given.push_back(network::Holder::find(directory(constellation))->open_tap(tap));
    return given;
  });
  return std::move(fds.at(0));
}

Fd World::dial(const std::string& constellation, const std::string& address, std::uint16_t port) {
  auto fds = as_caller([&](std::vector<std::string>&) {
    std::vector<Fd> given;
    given.push_back(network::Holder::find(directory(constellation))
                        ->dial(network::parse_ipv4(address, "address"), port, std::chrono::seconds(2)));
    return given;
  });
  return std::move(fds.at(0));
}

network::NetworkNamespace World::network_of(const std::string& constellation) {
  auto fds = as_caller([&](std::vector<std::string>&) {
    std::vector<Fd> given;
    given.push_back(network::Holder::find(directory(constellation))->network_namespace());
    return given;
  });
  return network::NetworkNamespace(std::move(fds.at(0)));
}

pid_t World::spawn_inside(const std::string& constellation, const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  as_caller(
      [&](std::vector<std::string>& said) -> std::vector<Fd> {
        auto holder = network::Holder::find(directory(constellation));
        const Fd network = holder->network_namespace();
        const auto user = holder->user_namespace();
        Command command;
        command.argv = argv;
        command.network_namespace = network.get();
        if (user) command.user_namespace = user->get();
        Child child = spawn(command);
        said.push_back(std::to_string(child.pid()));
        child.detach();
        return {};
      },
      &words);
  return static_cast<pid_t>(*parse_unsigned(words.at(0)));
}

std::unique_ptr<FakeMachine> World::machine(const NetworkSpec& spec, const std::string& name) {
  const auto port = std::ranges::find(spec.ports, name, &network::PortSpec::machine);
  const auto* bridge = spec.find_bridge(port->bridge);
  std::optional<network::Ipv4Network> address;
  network::Ipv4 gateway;
  if (bridge->subnet && port->address) {
    address = network::Ipv4Network{*port->address, bridge->subnet->prefix};
    gateway = bridge->subnet->address;
  }
  return std::make_unique<FakeMachine>(open_tap(spec.constellation, port->tap), port->mac, address, gateway);
}

}  // namespace meros::test
