#include "network/links.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "network/netlink.h"
#include "network/tap.h"

namespace meros::network {
namespace {

constexpr auto joint_prefix = "mrj";

void set_sysctl(const std::string& name, std::string_view value) {
  const std::string path = "/proc/sys/net/" + name;
  const auto now = read_file_if_exists(path);
  if (!now || trim(*now) == value) return;  // a kernel without it, or it is so already
  write_all(open_file(path, O_WRONLY), value);
}

// Owners are told as the host counts them; in a user namespace the caller is 0.
uid_t inside_uid(uid_t outside) {
  std::istringstream map(read_file("/proc/self/uid_map", 1 << 20));
  std::uint64_t first_inside = 0;
  std::uint64_t first_outside = 0;
  std::uint64_t count = 0;
  while (map >> first_inside >> first_outside >> count)
    if (outside >= first_outside && outside < first_outside + count)
      return static_cast<uid_t>(outside - first_outside + first_inside);
  throw InvalidError(fmt::format("user {} cannot own a TAP here: our user namespace does not map it", outside));
}

std::string alias_of(const NetworkSpec& spec, const PortSpec& port) {
  return fmt::format("meros {}/{}", spec.constellation, port.machine);
}

const PortSpec* find_port(const NetworkSpec& spec, const std::string& tap) {
  const auto found = std::ranges::find(spec.ports, tap, &PortSpec::tap);
  return found == spec.ports.end() ? nullptr : &*found;
}

// Only what we made has an alias that says so.
bool is_ours(const Link& link) { return link.alias.starts_with("meros "); }

void remove_unwanted(const Netlink& netlink, const NetworkSpec& spec) {
  for (const auto& link : netlink.links()) {
    if (!is_ours(link)) continue;
    const PortSpec* port = link.kind == "tun" ? find_port(spec, link.name) : nullptr;
    const BridgeSpec* bridge = link.kind == "bridge" ? spec.find_bridge(link.name) : nullptr;
    const bool wanted = port != nullptr ? alias_of(spec, *port) == link.alias : bridge != nullptr;
    if (!wanted && link.kind != "veth") netlink.remove(link.index, fmt::format("cannot remove '{}'", link.name));
  }
}

void set_address(const Netlink& netlink, const Link& link, const BridgeSpec& bridge) {
  const std::string doing = fmt::format("cannot set the address of bridge '{}'", bridge.name);
  const bool wanted = bridge.auto_create && bridge.subnet;
  for (const auto& address : netlink.addresses(link.index))
    if (!wanted || address != *bridge.subnet) netlink.remove_address(link.index, address, doing);
  if (wanted) netlink.add_address(link.index, *bridge.subnet, doing);
}

void ensure_bridge(const Netlink& netlink, const Names& names, const BridgeSpec& bridge, unsigned mtu) {
  const std::string doing = fmt::format("cannot make bridge '{}'", bridge.name);
  auto link = netlink.link(bridge.name);
  if (!link) {
    netlink.add_bridge(bridge.name, stable_mac(names.identity + " bridge " + bridge.name), mtu, doing);
    link = netlink.link(bridge.name);
    if (!link) throw Error(doing + ": it vanished while it was made");
  }
  if (link->kind != "bridge") throw BusyError(doing + ": there is another network device of that name");
  if (link->alias != names.alias || link->mtu != mtu || !link->up)
    netlink.change(link->index, {.alias = names.alias, .mtu = mtu, .up = true}, doing);
  set_address(netlink, *link, bridge);
}

// The inner end of a joint is the port by which an inner bridge reaches the host's.
void attach_joint(const Netlink& netlink, const Names& names, const BridgeSpec& bridge) {
  const std::string doing = fmt::format("cannot join bridge '{}'", bridge.name);
  const auto joint = netlink.link(names.joint(bridge.name));
  const auto inner = netlink.link(bridge.name);
  if (!joint || !inner) throw Error(doing + ": its link vanished");
  if (joint->master != bridge.name || !joint->up)
    netlink.change(joint->index, {.master = inner->index, .up = true}, doing);
}

void ensure_port(const Netlink& netlink, const NetworkSpec& spec, const PortSpec& port) {
  const BridgeSpec* bridge = spec.find_bridge(port.bridge);
  if (bridge == nullptr) throw InvalidError(fmt::format("bridge '{}' is not in the network", port.bridge));
  const std::string doing = fmt::format("cannot make tap '{}'", port.tap);
  const auto now = netlink.link(port.tap);
  const auto master = netlink.link(bridge->name);
  if (!master) throw Error(doing + ": its bridge vanished");
  const uid_t owner = inside_uid(port.owner_uid);
  const bool ours = now && now->kind == "tun" && now->alias == alias_of(spec, port);
  // One that a VMM has open cannot be attached to: it is brought to the spec from outside.
  if (ours && netlink.tap_owner(now->index) == owner) {
    if (now->master != bridge->name || now->mtu != master->mtu || !now->up)
      netlink.change(now->index, {.mtu = master->mtu, .master = master->index, .up = true}, doing);
  } else {
    ensure_tap({.name = port.tap, .owner_uid = owner, .alias = alias_of(spec, port), .bridge = bridge->name});
  }
  const auto tap = netlink.link(port.tap);
  if (!tap) throw Error(doing + ": it vanished while it was made");
  netlink.set_isolated(tap->index, bridge->peer_isolation, doing);
}

Link host_bridge(const Netlink& netlink, const std::string& name) {
  const auto link = netlink.link(name);
  if (!link)
    throw NotFoundError(fmt::format("bridge '{}' does not exist on the host", name),
                        fmt::format("create it with 'ip link add {} type bridge', or set auto_create: true", name));
  if (link->kind != "bridge")
    throw InvalidError(fmt::format("'{}' is a network device of the host, but no bridge", name));
  return *link;
}

void ensure_joint(const Netlink& netlink, const Names& names, const NetworkNamespace& network,
                  const BridgeSpec& bridge) {
  const std::string name = names.joint(bridge.name);
  const std::string doing = fmt::format("cannot join bridge '{}'", bridge.name);
  const Link master = host_bridge(netlink, bridge.name);
  auto outer = netlink.link(name);
  const bool whole = outer && network.run([&] { return find_link(name).has_value(); });
  if (outer && !whole) netlink.remove(outer->index, doing);
  if (!whole) {
    // As tap.cpp has it: never the lowest address of the host's bridge.
    std::string outer_mac = stable_mac(names.identity + " joint " + bridge.name);
    const std::string inner_mac = stable_mac(names.identity + " inner joint " + bridge.name);
    outer_mac.replace(0, 2, "fe");
    netlink.add_veth({name, outer_mac, master.mtu}, {name, inner_mac, master.mtu}, network.fd(), doing);
    outer = netlink.link(name);
    if (!outer) throw Error(doing + ": its link vanished while it was made");
  }
  netlink.change(outer->index, {.alias = names.alias, .master = master.index, .up = true}, doing);
}

}  // namespace

void set_sysctls(const NetworkNamespace& network) {
  network.run([] {
    for (const char* table : {"ip", "ip6", "arp"})
      set_sysctl(fmt::format("bridge/bridge-nf-call-{}tables", table), "0");
    set_sysctl("ipv6/conf/all/disable_ipv6", "1");
    set_sysctl("ipv6/conf/default/disable_ipv6", "1");
    set_sysctl("ipv4/ip_forward", "1");
    for (const char* scope : {"all", "default"}) {
      const std::string conf = fmt::format("ipv4/conf/{}/", scope);
      set_sysctl(conf + "rp_filter", "0");  // the rules look themselves, strictly
      set_sysctl(conf + "send_redirects", "0");
      set_sysctl(conf + "accept_redirects", "0");
      set_sysctl(conf + "arp_ignore", "1");  // a bridge does not answer for another one's address
    }
  });
}

void ensure_joints(const Names& names, const NetworkNamespace& network, const NetworkSpec& spec) {
  const Netlink netlink;
  std::vector<std::string> wanted;
  for (const auto& bridge : spec.bridges) {
    if (bridge.auto_create) continue;
    ensure_joint(netlink, names, network, bridge);
    wanted.push_back(names.joint(bridge.name));
  }
  for (const auto& link : netlink.links())
    if (link.name.starts_with(joint_prefix) && link.alias == names.alias &&
        std::ranges::count(wanted, link.name) == 0 && link.kind == "veth")
      netlink.remove(link.index, fmt::format("cannot remove '{}'", link.name));
}

void remove_joints(const Names& names) {
  const Netlink netlink;
  for (const auto& link : netlink.links())
    if (link.name.starts_with(joint_prefix) && link.alias == names.alias && link.kind == "veth")
      netlink.remove(link.index, fmt::format("cannot remove '{}'", link.name));
}

void apply_links(const Names& names, const NetworkSpec& spec, unsigned mtu) {
  const Netlink netlink;
  remove_unwanted(netlink, spec);
  for (const auto& bridge : spec.bridges) {
    const auto joint = bridge.auto_create ? std::nullopt : netlink.link(names.joint(bridge.name));
    ensure_bridge(netlink, names, bridge, joint ? joint->mtu : mtu);
    if (!bridge.auto_create) attach_joint(netlink, names, bridge);
  }
  for (const auto& port : spec.ports) ensure_port(netlink, spec, port);
}

}  // namespace meros::network
