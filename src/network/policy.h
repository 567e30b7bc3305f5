// Who may talk to whom: what a constellation's policies say of one flow, and the facts of the uplink that they need.
// Pure. ruleset.cpp writes the same table as nftables rules.
#pragma once

#include <cstdint>
#include <vector>

#include "network/spec.h"

namespace meros::network {

// What joins the namespace to the world, as it stands.
struct UplinkFacts {
  Uplink kind = Uplink::none;  // never `automatic`
  Ipv4Network inside;          // the namespace's own address on it
  Ipv4 gateway;                // the other end's
  unsigned mtu = 1500;
  // pasta connects as the host, so what is the host's own (or another constellation's) must be told from the outside.
  std::vector<Ipv4Network> not_outside;
  bool operator==(const UplinkFacts&) const = default;
};

// The first packet of a flow, as connection tracking remembers it.
struct Flow {
  std::uint8_t protocol = 0;  // IPPROTO_TCP …
  Ipv4 source;
  Ipv4 destination;
  std::uint16_t destination_port = 0;  // of ICMP: the type
};

// Whether the rules let it begin now. Flows of the namespace itself always may.
bool may_flow(const NetworkSpec& spec, const UplinkFacts& uplink, const Flow& flow);

// Sorted, without those that others contain: what an nftables set takes.
std::vector<Ipv4Network> without_contained(std::vector<Ipv4Network> networks);

constexpr std::uint16_t dns_port = 53;
constexpr std::uint16_t dhcp_server_port = 67;
constexpr std::uint16_t dhcp_client_port = 68;

}  // namespace meros::network
