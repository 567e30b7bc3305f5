#include "network/uplink.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "network/forwarding.h"
#include "network/netlink.h"
#include "network/nft.h"
#include "network/ruleset.h"

namespace meros::network {
namespace {

constexpr Ipv4 link_local{0xa9fe0000};            // 169.254.0.0/16
constexpr std::uint32_t first_block = 0x100 / 4;  // the first and last 256 addresses are reserved
constexpr std::uint32_t last_block = 0xff00 / 4 - 1;
constexpr std::uint32_t metadata_block = 0xa9fe / 4;  // 169.254.169.254: what clouds tell about a machine
constexpr unsigned block_prefix = 30;
constexpr unsigned default_mtu = 1500;

bool overlap(const Ipv4Network& a, const Ipv4Network& b) { return a.contains(b.network()) || b.contains(a.network()); }

bool is_free(const Ipv4Network& block, const NetworkSpec& spec, const HostFacts& host) {
  const auto clashes = [&](const Ipv4Network& other) { return other.prefix > 16 && overlap(block, other); };
  return std::ranges::none_of(host.addresses, clashes) &&
         std::ranges::none_of(host.routes, [&](const Route& route) { return clashes(route.to); }) &&
         std::ranges::none_of(
             spec.bridges, [&](const BridgeSpec& bridge) { return bridge.subnet && overlap(block, *bridge.subnet); });
}

std::string mac_of_host_end(const Names& names) { return stable_mac(names.identity + " host"); }
std::string mac_of_inside_end(const Names& names) { return stable_mac(names.identity + " uplink"); }

// Ours, whole or not at all: a pair of which the other end is in another namespace is made anew.
std::optional<Link> usable_pair(const Names& names, const NetworkNamespace& network, const Netlink& netlink) {
  auto host_end = netlink.link(names.uplink);
  if (!host_end) return std::nullopt;
  if (host_end->kind != "veth")
    throw BusyError(fmt::format("the name '{}' is taken by a network device that is not ours", names.uplink));
  const bool inside = network.run([] { return find_link(inside_uplink).has_value(); });
  if (inside) return host_end;
  netlink.remove(host_end->index, "cannot remove a former uplink");
  return std::nullopt;
}

void configure_inside(const NetworkNamespace& network, const UplinkFacts& facts) {
  network.run([&] {
    const Netlink netlink;
    const std::string doing = "cannot set up the uplink inside";
    const auto link = netlink.link(inside_uplink);
    if (!link) throw Error("the uplink vanished while it was set up");
    netlink.change(link->index, {.mtu = facts.mtu, .up = true}, doing);
    netlink.add_address(link->index, facts.inside, doing);
    netlink.add_route({.to = {{0}, 0}, .via = facts.gateway, .link = link->index}, doing);
  });
}

std::vector<Ipv4Network> routed_subnets(const NetworkSpec& spec) {
  std::vector<Ipv4Network> subnets;
  for (const auto& bridge : spec.bridges)
    if (bridge.auto_create && bridge.subnet && bridge.policy == Policy::host_access)
      subnets.push_back({bridge.subnet->network(), bridge.subnet->prefix});
  return subnets;
}

std::vector<std::string> set_routes(const Netlink& netlink, const Link& host_end, const NetworkSpec& spec,
                                    const UplinkFacts& facts) {
  const auto wanted = routed_subnets(spec);
  const auto routes = netlink.routes();
  std::vector<std::string> warnings;
  for (const auto& route : routes)
    if (route.link == host_end.index && route.via.value != 0 && std::ranges::count(wanted, route.to) == 0)
      netlink.remove_route(route, "cannot remove a route to a former subnet");
  for (const auto& subnet : wanted) {
    const auto other = std::ranges::find_if(routes, [&](const Route& route) {
      return route.to.prefix > 0 && route.link != host_end.index && overlap(route.to, subnet);
    });
    if (other == routes.end()) {
      netlink.add_route({.to = subnet, .via = facts.inside.address, .link = host_end.index},
                        "cannot add a route to " + subnet.to_string());
      continue;
    }
    warnings.push_back(
        fmt::format("the host has a route to {} already, so that it reaches the machines of {} only through meros "
                    "(connect, exec, push, pull)",
                    other->to.to_string(), subnet.to_string()));
  }
  return warnings;
}

void set_own_forwarding(const std::string& link) {
  write_all(open_file(fmt::format("/proc/sys/net/ipv4/conf/{}/forwarding", link), O_WRONLY), "1");
}

}  // namespace

UplinkChoice choose_uplink(Uplink wanted, bool root, const HostFacts& host) {
  UplinkChoice choice{wanted, {}};
  const bool pasta = find_program("pasta").has_value();
  if (wanted == Uplink::veth && !root)
    throw HostError("the uplink 'veth' needs root", "run it with sudo, or write 'uplink: auto'");
  if (wanted == Uplink::pasta && !pasta)
    throw HostError("'pasta' is not installed", "install the package passt, or write 'uplink: none'");
  if (wanted == Uplink::automatic && root) {
    const auto chain = dropping_forward_chain();
    choice.kind = chain && pasta ? Uplink::pasta : Uplink::veth;
    if (chain && !pasta)
      choice.warnings.push_back(fmt::format(
          "the host's firewall drops what is forwarded (chain {}), and pasta is not installed: no way out", *chain));
  } else if (wanted == Uplink::automatic) {
    choice.kind = pasta ? Uplink::pasta : Uplink::none;
    if (!pasta) choice.warnings.emplace_back("pasta is not installed (package passt): no way out");
  }
  if (choice.kind != Uplink::none && !host.way_out)
    choice.warnings.emplace_back("the host has no default route: no way out");
  return choice;
}

Ipv4Network choose_uplink_subnet(const Names& names, const NetworkSpec& spec, const HostFacts& host) {
  constexpr std::uint32_t count = last_block - first_block + 1;
  const auto start = static_cast<std::uint32_t>(stable_hash("uplink " + names.identity) % count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t block = first_block + (start + i) % count;
    const Ipv4Network subnet{{link_local.value + block * 4}, block_prefix};
    if (block != metadata_block && is_free(subnet, spec, host)) return subnet;
  }
  throw BusyError("there is no free subnet for an uplink in 169.254.0.0/16");
}

UplinkFacts uplink_facts(Uplink kind, Ipv4Network subnet, const HostFacts& host) {
  UplinkFacts facts;
  facts.kind = kind;
  facts.gateway = {subnet.network().value + 1};
  facts.inside = {{subnet.network().value + 2}, subnet.prefix};
  facts.mtu = host.way_out ? host.way_out->mtu : default_mtu;
  if (kind == Uplink::pasta) {
    for (const auto& address : host.addresses) facts.not_outside.push_back({address.address, 32});
    facts.not_outside.insert(facts.not_outside.end(), host.uplinked.begin(), host.uplinked.end());
    facts.not_outside = without_contained(std::move(facts.not_outside));
  }
  return facts;
}

std::optional<Ipv4Network> veth_subnet(const Names& names) {
  const Netlink netlink;
  const auto link = netlink.link(names.uplink);
  if (!link) return std::nullopt;
  for (const auto& address : netlink.addresses(link->index))
    if (address.prefix == block_prefix) return Ipv4Network{address.network(), address.prefix};
  return std::nullopt;
}

std::vector<std::string> ensure_veth(const Names& names, const NetworkNamespace& network, const NetworkSpec& spec,
                                     const UplinkFacts& facts, const HostFacts& host) {
  const Netlink netlink;
  const std::string doing = fmt::format("cannot make the uplink '{}'", names.uplink);
  auto host_end = usable_pair(names, network, netlink);
  if (!host_end) {
    netlink.add_veth({names.uplink, mac_of_host_end(names), facts.mtu},
                     {inside_uplink, mac_of_inside_end(names), facts.mtu}, network.fd(), doing);
    host_end = netlink.link(names.uplink);
    if (!host_end) throw Error(doing + ": it vanished while it was made");
  }
  netlink.change(host_end->index, {.alias = names.alias, .mtu = facts.mtu, .up = true}, doing);
  netlink.add_address(host_end->index, {facts.gateway, facts.inside.prefix}, doing);
  configure_inside(network, facts);
  auto warnings = set_routes(netlink, *host_end, spec, facts);
  set_own_forwarding(names.uplink);
  if (host.way_out)
    need_forwarding(names.uplink, host.way_out->link);
  else
    need_no_forwarding(names.uplink);
  return warnings;
}

void remove_veth(const Names& names) {
  const Netlink netlink;
  const auto link = netlink.link(names.uplink);
  if (link) netlink.remove(link->index, fmt::format("cannot remove the uplink '{}'", names.uplink));
  need_no_forwarding(names.uplink);
  if (has_table(names.table)) load_rules(no_host_ruleset(names), std::nullopt);
}

Command pasta_command(const UplinkFacts& facts, bool root) {
  const auto program = find_program("pasta");
  if (!program) throw HostError("'pasta' is not installed", "install the package passt, or write 'uplink: none'");
  Command command;
  // Its defaults publish every port, map the host's loopback, and answer DHCP: none of that.
  command.argv = {*program,          "--foreground",
                  "--quiet",         "--stderr",
                  "--ipv4-only",     "--config-net",
                  "--ns-ifname",     inside_uplink,
                  "--address",       facts.inside.address.to_string(),
                  "--netmask",       std::to_string(facts.inside.prefix),
                  "--gateway",       facts.gateway.to_string(),
                  "--mtu",           std::to_string(facts.mtu),
                  "--tcp-ports",     "none",
                  "--udp-ports",     "none",
                  "--tcp-ns",        "none",
                  "--udp-ns",        "none",
                  "--no-map-gw",     "--no-dhcp",
                  "--no-netns-quit", "--netns-only"};
  // Else it becomes `nobody`, who may not join the namespace.
  if (root) command.argv.insert(command.argv.end(), {"--runas", "0:0"});
  command.argv.insert(command.argv.end(), {"--netns", "/proc/self/fd/" + std::to_string(pasta_namespace_descriptor)});
  return command;
}

}  // namespace meros::network
