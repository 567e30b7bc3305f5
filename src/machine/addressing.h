// Which bridge, TAP, MAC and addresses a machine of `create` gets. Reads the host's links; changes nothing.
#pragma once

#include <optional>

#include "machine/config.h"
#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::machine {

// Nothing for --no-network. NotFoundError for a missing bridge, InvalidError for an address that does not fit,
// BusyError for an address or a TAP that another machine has.
std::optional<NetworkConfig> choose_network(const Home& home, const CreateRequest& request);

// BusyError where another machine has the address, the TAP or the MAC. choose_network asks too; create asks again under
// lock_addresses(), so that two at once cannot both be told yes.
void require_network_free(const Home& home, const MachineId& id, const NetworkConfig& wanted);

// What the TAP's alias says, so that any verb knows whose it is: "meros <volume>", cut and hashed where it is long.
std::string tap_alias(const std::filesystem::path& volume);
// Makes or repairs the TAP of a machine; removes it. No effect without a network.
void ensure_network(const Config& config, const VerbOptions& options);
void remove_network(const Config& config);

}  // namespace meros::machine
