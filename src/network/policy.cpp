#include "network/policy.h"

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

namespace meros::network {
namespace {

const BridgeSpec* bridge_of(const NetworkSpec& spec, Ipv4 address) {
  for (const auto& bridge : spec.bridges)
    if (bridge.auto_create && bridge.subnet && bridge.subnet->contains(address)) return &bridge;
  return nullptr;
}

bool holds(const std::vector<Ipv4Network>& networks, Ipv4 address) {
  return std::ranges::any_of(networks, [&](const auto& network) { return network.contains(address); });
}

// To the bridge's own address: DNS and DHCP, and what the policy says.
bool may_reach_bridge(const BridgeSpec& bridge, const Flow& flow) {
  if (flow.protocol == IPPROTO_ICMP) return bridge.allow_icmp && flow.destination_port == ICMP_ECHO;
  if (flow.protocol == IPPROTO_UDP)
    return flow.destination_port == dns_port || flow.destination_port == dhcp_server_port;
  if (flow.protocol != IPPROTO_TCP) return false;
  return flow.destination_port == dns_port ||
         (bridge.policy == Policy::host_access && std::ranges::count(bridge.allowed_ports, flow.destination_port) != 0);
}

bool may_leave(const BridgeSpec& bridge, const UplinkFacts& uplink, Ipv4 destination) {
  if (uplink.kind == Uplink::none) return false;
  if (uplink.kind == Uplink::pasta && holds(uplink.not_outside, destination)) return false;
  return bridge.policy == Policy::host_access || holds(bridge.allowed_ips, destination);
}

}  // namespace

bool may_flow(const NetworkSpec& spec, const UplinkFacts& uplink, const Flow& flow) {
  const BridgeSpec* from = bridge_of(spec, flow.source);
  const BridgeSpec* to = bridge_of(spec, flow.destination);
  const bool from_inside = flow.source == uplink.inside.address ||
                           (from != nullptr && from->subnet->address == flow.source) || flow.source.value >> 24 == 127;
  if (from_inside) return true;
  if (from == nullptr) return to != nullptr && uplink.kind == Uplink::veth && to->policy == Policy::host_access;
  if (to == nullptr) return may_leave(*from, uplink, flow.destination);
  return to == from && from->subnet->address == flow.destination && may_reach_bridge(*from, flow);
}

std::vector<Ipv4Network> without_contained(std::vector<Ipv4Network> networks) {
  for (auto& network : networks) network.address = network.network();
  std::ranges::sort(networks, {}, [](const auto& network) { return std::pair(network.address, network.prefix); });
  std::vector<Ipv4Network> kept;
  for (const auto& network : networks)
    if (kept.empty() || !kept.back().contains(network.address)) kept.push_back(network);
  return kept;
}

}  // namespace meros::network
