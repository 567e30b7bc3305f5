// Which machine gets which address. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "network/spec.h"

namespace meros::network {

// By machine and bridge.
using Addresses = std::map<std::pair<std::string, std::string>, Ipv4>;

// Those of a network as it was recorded.
Addresses addresses_of_ports(const NetworkSpec& recorded);

// Gives each port that has no address, on a bridge with a subnet, its remembered one where that is still free and
// inside, else the lowest that nobody has or is remembered to have had; when there is none left, the lowest that nobody
// has. InvalidError names the machine that gets none.
std::vector<PortSpec> with_addresses(const NetworkSpec& spec, const Addresses& remembered);

}  // namespace meros::network
