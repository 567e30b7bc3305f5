// Whether a NetworkSpec can be made at all. Pure: what the manifest's checks have seen is seen again, for network.json
// and the socket are not the manifest.
#pragma once

#include "network/spec.h"

namespace meros::network {

// InvalidError that names the first thing that cannot be: names the kernel would not take, subnets that overlap,
// addresses outside theirs or given twice, ports on bridges that are not there …
void check_network_spec(const NetworkSpec& spec);

}  // namespace meros::network
