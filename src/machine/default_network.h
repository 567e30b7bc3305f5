// The network of machines that were made by `create` without a bridge: one for all of them, "default". What it shall be
// follows from their configs; network.json is only what it was last brought to.
#pragma once

#include "machine/config.h"
#include "machine/home.h"
#include "machine/lifecycle.h"
#include "network/spec.h"

namespace meros::machine {

constexpr auto default_network_name = "default";

// Chooses the machine's NIC there; nothing is written. Call it under lock_addresses(). InvalidError for an address that
// is none of the network's, BusyError for one that another machine has.
NetworkConfig join_default_network(const Home& home, const CreateRequest& request);

// Its bridge, with a port for each machine of `home` that is in it.
network::NetworkSpec default_network(const Home& home);

// Removes the network when the last machine of it is gone. Call it under lock_addresses().
void leave_default_network(const Home& home, Reporter& reporter);

}  // namespace meros::machine
