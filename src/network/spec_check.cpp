#include "network/spec_check.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "network/names.h"
#include "network/tun.h"

namespace meros::network {
namespace {

void check_subnet(const BridgeSpec& bridge) {
  if (!bridge.auto_create) return;
  if (!bridge.subnet) throw InvalidError(fmt::format("bridge '{}' has no subnet", bridge.name), "give it one");
  if (bridge.subnet->prefix > 30 || !bridge.subnet->is_host(bridge.subnet->address))
    throw InvalidError(fmt::format("bridge '{}' cannot have the address {}", bridge.name, bridge.subnet->to_string()),
                       "write the bridge's own address and the subnet's size, as in 10.0.2.1/24");
}

void check_bridges(const NetworkSpec& spec) {
  std::set<std::string> names = {"lo", inside_uplink};
  for (const auto& bridge : spec.bridges) {
    check_interface_name(bridge.name, "bridge name");
    if (!names.insert(bridge.name).second)
      throw InvalidError(fmt::format("the name '{}' cannot be a bridge's: it is taken", bridge.name));
    check_subnet(bridge);
    for (const auto& other : spec.bridges) {
      if (&other == &bridge) break;
      if (!bridge.auto_create || !other.auto_create) continue;
      if (bridge.subnet->contains(other.subnet->network()) || other.subnet->contains(bridge.subnet->network()))
        throw InvalidError(fmt::format("the subnets of bridges '{}' and '{}' overlap", other.name, bridge.name));
    }
  }
}

void check_address(const BridgeSpec& bridge, const PortSpec& port, std::set<Ipv4>& taken) {
  if (!bridge.subnet || !bridge.auto_create) return;
  if (!port.address) throw InvalidError(fmt::format("machine '{}' has no address on '{}'", port.machine, bridge.name));
  if (!bridge.subnet->is_host(*port.address) || *port.address == bridge.subnet->address)
    throw InvalidError(fmt::format("machine '{}' cannot have the address {} on bridge '{}' ({})", port.machine,
                                   port.address->to_string(), bridge.name, bridge.subnet->to_string()));
  if (!taken.insert(*port.address).second)
    throw InvalidError(fmt::format("the address {} is given twice", port.address->to_string()));
}

}  // namespace

void check_network_spec(const NetworkSpec& spec) {
  check_name(spec.constellation, "constellation name");
  check_bridges(spec);
  std::set<std::string> links = {"lo", inside_uplink};
  for (const auto& bridge : spec.bridges) links.insert(bridge.name);
  std::set<Ipv4> addresses;
  for (const auto& port : spec.ports) {
    check_name(port.machine, "machine name");
    check_interface_name(port.tap, "TAP name");
    if (!links.insert(port.tap).second)
      throw InvalidError(fmt::format("the name '{}' cannot be a TAP's: it is taken", port.tap));
    parse_mac(port.mac, "mac");
    const BridgeSpec* bridge = spec.find_bridge(port.bridge);
    if (bridge == nullptr)
      throw InvalidError(fmt::format("machine '{}' is on bridge '{}', which is not there", port.machine, port.bridge));
    check_address(*bridge, port, addresses);
  }
}

}  // namespace meros::network
