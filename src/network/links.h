// Bridges and TAPs inside the namespace, and the veths that join bridges of the host.
#pragma once

#include <string>
#include <vector>

#include "network/names.h"
#include "network/namespace.h"
#include "network/spec.h"

namespace meros::network {

// Of the namespace: forwards IPv4, no IPv6, bridged frames pass by the IP hooks, which would drop them.
void set_sysctls(const NetworkNamespace& network);

// For each bridge of the host that is in the spec: a veth from it into the namespace, where an end of the same name
// waits. Those that are not wanted any more go. Needs root. NotFoundError: there is no such bridge.
void ensure_joints(const Names& names, const NetworkNamespace& network, const NetworkSpec& spec);
// All that names tell of: in the host's namespace.
void remove_joints(const Names& names);

// Brings the bridges and TAPs of the namespace to the spec; only what differs is touched. Run inside. A TAP that a VMM
// has open is moved between bridges, not made anew; BusyError where it shall have another owner.
void apply_links(const Names& names, const NetworkSpec& spec, unsigned mtu);

}  // namespace meros::network
