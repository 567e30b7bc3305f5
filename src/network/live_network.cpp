#include "network/live_network.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "network/conntrack.h"
#include "network/dnsmasq.h"
#include "network/links.h"
#include "network/nft.h"
#include "network/ruleset.h"
#include "network/spec_check.h"
#include "network/uplink.h"

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_dnsmasq = 10s;
constexpr auto between_questions = 5ms;
// A change of network is a burst of messages.
constexpr auto time_to_settle = 100ms;

// The bridges that are ours to govern.
bool is_own(const BridgeSpec& bridge) { return bridge.auto_create && bridge.subnet.has_value(); }

std::vector<Service> services_of(const NetworkSpec& spec) {
  std::vector<Service> services;
  for (const auto& bridge : spec.bridges) {
    if (!is_own(bridge) || bridge.policy != Policy::host_access) continue;
    for (const std::uint16_t port : bridge.allowed_ports) {
      const Service service{bridge.name, bridge.subnet->address, port, bridge.host_loopback};
      // dnsmasq is there, whatever the host has on its own.
      if (port != dns_port && std::ranges::count(services, service) == 0) services.push_back(service);
    }
  }
  return services;
}

bool wants_outside_names(const NetworkSpec& spec) {
  return std::ranges::any_of(
      spec.bridges, [](const BridgeSpec& bridge) { return is_own(bridge) && bridge.policy == Policy::host_access; });
}

Fd question_socket(const NetworkNamespace& network, Ipv4 server) {
  return network.run([&] {
    Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) throw_errno("cannot make a socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(server.value);
    address.sin_port = htons(dns_port);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw_errno("cannot ask dnsmasq");
    return socket;
  });
}

// False as long as nobody listens there.
bool answers_now(const Fd& socket, std::string_view question, std::uint16_t id) {
  ::send(socket.get(), question.data(), question.size(), MSG_NOSIGNAL);  // ECONNREFUSED shows below, too
  if (wait_for(socket, POLLIN, static_cast<int>(between_questions.count())) == 0) return false;
  std::array<char, 512> answer{};
  const ssize_t n = ::recv(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  return n > 0 && answers({answer.data(), static_cast<std::size_t>(n)}, id);
}

}  // namespace

LiveNetwork::LiveNetwork(Names names, NetworkNamespace network, Rights rights)
    : names_(std::move(names)), network_(std::move(network)), rights_(rights), relay_(network_) {
  if (rights_ == Rights::root) rules_watch_.emplace();
}

std::vector<std::string> LiveNetwork::apply(const NetworkSpec& spec) {
  check_network_spec(spec);
  const bool joins_host = std::ranges::any_of(spec.bridges, [](const auto& bridge) { return !bridge.auto_create; });
  if (joins_host && rights_ != Rights::root)
    throw HostError("joining a bridge of the host (auto_create: false) needs root", "run it with sudo");
  set_sysctls(network_);  // each time: a module that brings some may have been loaded meanwhile
  const HostFacts host = look_at_host();
  std::vector<std::string> warnings;
  uplink_ = settle_uplink(spec, host, warnings);
  // Before the links that they are for: nothing is ever open that is not to be.
  load_inside_rules(spec);
  if (rights_ == Rights::root) ensure_joints(names_, network_, spec);
  network_.run([&] { apply_links(names_, spec, uplink_.mtu); });
  // They come up while the uplink is made.
  const auto started = serve(spec, host);
  join_uplink(spec, host, warnings);
  for (const auto& bridge : started) wait_for_dnsmasq(spec, bridge);
  end_flows(network_, [&](const Flow& flow) { return may_flow(spec, uplink_, flow); });
  spec_ = spec;
  return warnings;
}

UplinkFacts LiveNetwork::settle_uplink(const NetworkSpec& spec, const HostFacts& host,
                                       std::vector<std::string>& warnings) {
  Uplink kind = uplink_.kind;
  if (!spec_ || spec_->uplink != spec.uplink) {
    UplinkChoice choice = choose_uplink(spec.uplink, rights_ == Rights::root, host);
    warnings = std::move(choice.warnings);
    kind = choice.kind;
  }
  std::optional<Ipv4Network> subnet;
  if (uplink_.kind == kind && uplink_.inside.address.value != 0) subnet = uplink_.inside;
  if (!subnet && kind == Uplink::veth) subnet = veth_subnet(names_);
  return uplink_facts(kind, subnet ? *subnet : choose_uplink_subnet(names_, spec, host), host);
}

void LiveNetwork::load_inside_rules(const NetworkSpec& spec) {
  auto rules = inside_ruleset(spec, uplink_);
  if (rules == inside_rules_) return;
  load_rules(rules, network_.fd().get());
  inside_rules_ = std::move(rules);
}

void LiveNetwork::join_uplink(const NetworkSpec& spec, const HostFacts& host, std::vector<std::string>& warnings) {
  way_out_ = host.way_out;
  if (uplink_.kind == Uplink::veth) {
    // Always: on the host others may have flushed them.
    load_rules(host_ruleset(spec, names_, uplink_), std::nullopt);
    const auto more = ensure_veth(names_, network_, spec, uplink_, host);
    warnings.insert(warnings.end(), more.begin(), more.end());
  } else if (rights_ == Rights::root) {
    remove_veth(names_);
  }
  keep_pasta(host);
}

void LiveNetwork::keep_pasta(const HostFacts& host) {
  // It takes its settings from the host's default route, and does not start without one.
  if (uplink_.kind != Uplink::pasta || !host.way_out) return pasta_.reset();
  if (pasta_ && pasta_facts_.inside == uplink_.inside && pasta_facts_.mtu == uplink_.mtu) return;
  pasta_facts_ = uplink_;
  pasta_ = std::make_unique<Daemon>("pasta", [this] {
    Daemon::Start start{pasta_command(pasta_facts_, rights_ == Rights::root), {}};
    start.command.pass(network_.fd().get(), pasta_namespace_descriptor);
    return start;
  });
  pasta_->start();
}

std::vector<std::string> LiveNetwork::serve(const NetworkSpec& spec, const HostFacts& host) {
  relay_.set_host_address(host.service_address);
  relay_.serve(services_of(spec));
  relay_.serve_dns(wants_outside_names(spec));
  return keep_dnsmasqs(spec);
}

std::vector<std::string> LiveNetwork::keep_dnsmasqs(const NetworkSpec& spec) {
  std::erase_if(dnsmasqs_, [&](const auto& entry) {
    const BridgeSpec* bridge = spec.find_bridge(entry.first);
    return bridge == nullptr || !is_own(*bridge);
  });
  const DnsmasqUser user = rights_ == Rights::root ? DnsmasqUser::nobody : DnsmasqUser::namespace_root;
  std::vector<std::string> started;
  for (const auto& bridge : spec.bridges) {
    if (!is_own(bridge)) continue;
    std::string config = dnsmasq_config(spec, bridge, uplink_.mtu, user);
    Dns& dns = dnsmasqs_[bridge.name];
    if (dns.daemon && dns.daemon->running() && dns.config == config) continue;
    dns.config = std::move(config);
    if (!dns.daemon)
      dns.daemon = std::make_unique<Daemon>(fmt::format("dnsmasq of bridge '{}'", bridge.name), [this, &dns] {
        Daemon::Start start{dnsmasq_command(), dns.config};
        start.command.network_namespace = network_.fd().get();
        return start;
      });
    dns.daemon->start();
    started.push_back(bridge.name);
  }
  return started;
}

// A guest that asks for an address before anybody listens asks again only after seconds.
void LiveNetwork::wait_for_dnsmasq(const NetworkSpec& spec, const std::string& bridge) {
  Daemon& daemon = *dnsmasqs_.at(bridge).daemon;
  constexpr std::uint16_t id = 0x6d65;
  // In its own domain: it answers that by itself.
  const std::string question = dns_question("meros." + domain_of(spec), id);
  const Fd socket = question_socket(network_, spec.find_bridge(bridge)->subnet->address);
  const Deadline deadline = Deadline::after(time_for_dnsmasq);
  while (!answers_now(socket, question, id)) {
    if (!daemon.ended() && !deadline.passed()) continue;
    const std::string words = daemon.last_words();
    throw HostError(fmt::format("{} {}{}{}", daemon.name(), deadline.passed() ? "does not answer" : "ended at once",
                                words.empty() ? "" : ": ", words));
  }
}

std::vector<std::string> LiveNetwork::problems() const {
  std::vector<std::string> problems;
  for (const auto& [bridge, dns] : dnsmasqs_)
    if (const auto problem = dns.daemon ? dns.daemon->problem() : std::nullopt) problems.push_back(*problem);
  if (const auto problem = pasta_ ? pasta_->problem() : std::nullopt) problems.push_back(*problem);
  if (spec_ && uplink_.kind != Uplink::none && !way_out_)
    problems.emplace_back("no way out: the host has no default route");
  if (!host_problem_.empty()) problems.push_back(host_problem_);
  return problems;
}

std::vector<pid_t> LiveNetwork::children() const {
  std::vector<pid_t> pids;
  for (const auto& [bridge, dns] : dnsmasqs_)
    if (dns.daemon && dns.daemon->running()) pids.push_back(dns.daemon->pid());
  if (pasta_ && pasta_->running()) pids.push_back(pasta_->pid());
  return pids;
}

void LiveNetwork::watch(Watches& watches) {
  watches.add(host_watch_.fd().get(), POLLIN, [this](short) {
    host_watch_.drain();
    look_at_host_ = look_at_host_.at_most(time_to_settle);
  });
  if (rules_watch_)
    watches.add(rules_watch_->fd().get(), POLLIN, [this](short) {
      rules_watch_->drain();
      look_at_rules_ = look_at_rules_.at_most(time_to_settle);
    });
  relay_.watch(watches);
  for (auto& [bridge, dns] : dnsmasqs_)
    if (dns.daemon) dns.daemon->watch(watches);
  if (pasta_) pasta_->watch(watches);
}

void LiveNetwork::tend() {
  for (auto& [bridge, dns] : dnsmasqs_)
    if (dns.daemon) dns.daemon->tend();
  if (pasta_) pasta_->tend();
  relay_.expire();
  try {
    if (look_at_rules_.passed()) mend_host_rules();
    if (look_at_host_.passed()) take_in_host();
  } catch (const Error& e) {
    host_problem_ = std::string("cannot follow a change of the host's network: ") + e.message();
  }
}

Deadline LiveNetwork::next_deadline() const {
  Deadline next = relay_.next_deadline();
  const auto consider = [&](Deadline deadline) {
    if (deadline.at() < next.at()) next = deadline;
  };
  consider(look_at_host_);
  consider(look_at_rules_);
  for (const auto& [bridge, dns] : dnsmasqs_)
    if (dns.daemon) consider(dns.daemon->next_deadline());
  if (pasta_) consider(pasta_->next_deadline());
  return next;
}

// A laptop that roams has other addresses, which pasta must not lead to, and another way out.
void LiveNetwork::take_in_host() {
  look_at_host_ = Deadline::never();
  if (!spec_) return;
  const HostFacts host = look_at_host();
  std::vector<std::string> ignored;  // they were said when the spec was applied
  UplinkFacts facts = uplink_facts(uplink_.kind, uplink_.inside, host);
  facts.mtu = uplink_.mtu;  // the machines have learned it
  const bool changed = facts != uplink_;
  uplink_ = std::move(facts);
  if (changed) {
    load_inside_rules(*spec_);
    end_flows(network_, [&](const Flow& flow) { return may_flow(*spec_, uplink_, flow); });
  }
  relay_.set_host_address(host.service_address);
  if (host.way_out != way_out_) join_uplink(*spec_, host, ignored);
  host_problem_.clear();
}

// A reload of the host's own firewall begins by flushing everything, and with it what keeps machines from the host.
void LiveNetwork::mend_host_rules() {
  look_at_rules_ = Deadline::never();
  if (!spec_ || uplink_.kind != Uplink::veth || has_table(names_.table)) return;
  load_rules(host_ruleset(*spec_, names_, uplink_), std::nullopt);
}

}  // namespace meros::network
