// What joins a constellation to the world: a veth pair (root), or pasta (also without root).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "network/host_facts.h"
#include "network/names.h"
#include "network/namespace.h"
#include "network/policy.h"
#include "network/spec.h"

namespace meros::network {

struct UplinkChoice {
  Uplink kind = Uplink::none;
  std::vector<std::string> warnings;
};
// What the spec's uplink means here. As root `auto` is veth unless a chain of the host drops what is forwarded, for no
// rule of ours overrides that; then pasta. HostError where one that is asked for by name cannot be had.
UplinkChoice choose_uplink(Uplink wanted, bool root, const HostFacts& host);

// Pure: a /30 for the two ends of an uplink, from the link-local range (RFC 3927), that is none of the host's and none
// of the constellation's. By the names' hash where that is free.
Ipv4Network choose_uplink_subnet(const Names& names, const NetworkSpec& spec, const HostFacts& host);
// The facts of a link with that subnet: the first address is the other end's, the second the namespace's.
UplinkFacts uplink_facts(Uplink kind, Ipv4Network subnet, const HostFacts& host);

// The veth: the pair, its addresses, routes to subnets with host access, forwarding. Brings what is there to it. The
// host's rules (ruleset.h) are to be loaded before. Returns warnings.
std::vector<std::string> ensure_veth(const Names& names, const NetworkNamespace& network, const NetworkSpec& spec,
                                     const UplinkFacts& facts, const HostFacts& host);
// The subnet of the veth that is there.
std::optional<Ipv4Network> veth_subnet(const Names& names);
// Everything of it on the host, rules too; also where there is none, or only a part.
void remove_veth(const Names& names);

// pasta, in the foreground, for a namespace that is passed as this descriptor of the child's.
constexpr int pasta_namespace_descriptor = 3;
Command pasta_command(const UplinkFacts& facts, bool root);

}  // namespace meros::network
