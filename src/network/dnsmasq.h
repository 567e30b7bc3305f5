// dnsmasq of one bridge: DHCP by MAC and the names of the constellation. Pure: what it is started with.
#pragma once

#include <cstdint>
#include <string>

#include "base/child.h"
#include "network/spec.h"

namespace meros::network {

// Where the relay listens, on the namespace's lo, for what dnsmasq does not know itself.
constexpr std::uint16_t relay_dns_port = 5300;

enum class DnsmasqUser {
  nobody,          // as root: it drops to that user
  namespace_root,  // in a user namespace there is no other
};

// Its configuration file. Every machine of the bridge has its address by its MAC, and is known as `<vm>` and
// `<vm>.<constellation>`. With host access it asks the relay for the rest; else it knows nothing more.
std::string dnsmasq_config(const NetworkSpec& spec, const BridgeSpec& bridge, unsigned mtu, DnsmasqUser user);

// Reads the configuration from its standard input, stays in the foreground, and writes its log to standard error.
// HostError where it is not installed.
Command dnsmasq_command();

// The domain of a constellation's machines.
std::string domain_of(const NetworkSpec& spec);

// A question for `name` (type A), as it goes over UDP, and whether something is the answer to it.
std::string dns_question(std::string_view name, std::uint16_t id);
bool answers(std::string_view message, std::uint16_t id);

}  // namespace meros::network
