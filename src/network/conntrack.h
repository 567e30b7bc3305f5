// The flows that the kernel tracks in a network namespace, by nfnetlink.
#pragma once

#include <functional>
#include <vector>

#include "network/namespace.h"
#include "network/policy.h"

namespace meros::network {

// Forgets each IPv4 flow for which `may_stay` is false: its next packet is then judged as a new one. Returns how many.
// HostError where the kernel has no nf_conntrack_netlink.
std::size_t end_flows(const NetworkNamespace& network, const std::function<bool(const Flow&)>& may_stay);

}  // namespace meros::network
