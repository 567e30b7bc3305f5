// The nftables rules of a constellation, as the JSON that `nft -j -f -` loads in one transaction
// (libnftables-json(5)). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "network/names.h"
#include "network/policy.h"
#include "network/spec.h"

namespace meros::network {

// The one table inside the namespace: replaces the former one as a whole.
nlohmann::json inside_ruleset(const NetworkSpec& spec, const UplinkFacts& uplink);

// The host's table of one constellation with a veth uplink: what comes from there reaches nothing of the host, only the
// outside, as far as the policies let it, and never another constellation; nothing but the host itself gets in.
nlohmann::json host_ruleset(const NetworkSpec& spec, const Names& names, const UplinkFacts& uplink);
// Takes it away; also where there is none.
nlohmann::json no_host_ruleset(const Names& names);

}  // namespace meros::network
