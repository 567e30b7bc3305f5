// Which bridge, TAP, MAC and addresses a machine of `create` gets. Reads the host's links; changes nothing.
#pragma once

#include <optional>

#include "base/fd.h"
#include "machine/config.h"
#include "machine/home.h"
#include "machine/lifecycle.h"
#include "network/holder.h"

namespace meros::machine {

// Nothing for --no-network, and for a machine that joins no bridge of the host. NotFoundError for a missing bridge,
// InvalidError for an address that does not fit, BusyError for an address or a TAP that another machine has.
std::optional<NetworkConfig> choose_network(const Home& home, const CreateRequest& request);

// BusyError where another machine has the address, the TAP or the MAC. choose_network asks too; create asks again under
// lock_addresses(), so that two at once cannot both be told yes.
void require_network_free(const Home& home, const MachineId& id, const NetworkConfig& wanted);

// What the TAP's alias says, so that any verb knows whose it is: "meros <volume>", cut and hashed where it is long.
std::string tap_alias(const std::filesystem::path& volume);
// Makes or repairs the TAP of a machine on a bridge of the host; removes it. No effect on another machine.
void ensure_tap(const Config& config);
void remove_tap(const Config& config);

// What a supervisor joins; nothing on the host's own network.
struct Namespaces {
  std::optional<Fd> network;
  std::optional<Fd> user;  // without root
};
// The holder of a network, started anew where it was killed or the host was restarted; the network is then brought to
// what network.json says.
meros::network::Holder ensure_holder(const Home& home, const std::string& network, Reporter& reporter);
// Brings up what the machine is to be on: its TAP, or the network of its constellation with its holder.
Namespaces ensure_network(const Home& home, const Config& config, const VerbOptions& options);

}  // namespace meros::machine
