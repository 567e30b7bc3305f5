#include "machine/default_network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "machine/addressing.h"
#include "machine/state.h"
#include "machine/vmm_user.h"
#include "network/holder.h"
#include "network/ipam.h"
#include "network/names.h"
#include "network/tap.h"

namespace meros::machine {
namespace {

// Away from what home routers, Docker (172.17.0.0/16) and libvirt (192.168.122.0/24) take.
constexpr auto default_subnet = "10.213.0.1/24";

network::BridgeSpec default_bridge() {
  network::BridgeSpec bridge;
  bridge.name = "lan";  // "default" is a name that no interface can have (net.ipv4.conf.default)
  bridge.subnet = network::parse_ipv4_network(default_subnet, "subnet");
  bridge.allowed_ports = {22, 80, 443};
  return bridge;
}

network::PortSpec port_of(const Config& config, const NetworkConfig& nic) {
  network::PortSpec port;
  port.machine = config.name;
  port.tap = nic.tap_device;
  port.bridge = nic.bridge;
  port.mac = nic.mac_addr;
  port.address = network::parse_ipv4(nic.guest_ip, "guest_ip");
  port.owner_uid = vmm_uid_of(config);
  return port;
}

}  // namespace

network::NetworkSpec default_network(const Home& home) {
  network::NetworkSpec spec;
  spec.constellation = default_network_name;
  spec.data_dir = home.data_dir.string();
  spec.bridges = {default_bridge()};
  for (const auto& status : status_of_all(home))
    if (status.config && status.id.constellation.empty() && status.config->network_name == default_network_name)
      for (const auto& nic : status.config->nics) spec.ports.push_back(port_of(*status.config, nic));
  return spec;
}

NetworkConfig join_default_network(const Home& home, const CreateRequest& request) {
  network::NetworkSpec spec = default_network(home);
  const network::BridgeSpec& bridge = spec.bridges.front();
  const std::string identity = volume_of(home, {"", request.name}).string();
  network::PortSpec port;
  port.machine = request.name;
  port.bridge = bridge.name;
  port.tap = network::tap_name("mrs", request.tap.value_or(""), identity);
  port.mac = request.mac ? network::parse_mac(*request.mac, "--mac") : network::stable_mac(identity);
  if (request.guest_ip) {
    port.address = network::parse_ipv4(*request.guest_ip, "--guest-ip");
    if (!bridge.subnet->is_host(*port.address) || *port.address == bridge.subnet->address)
      throw InvalidError(fmt::format("address {} is not one for a machine in the network 'default' ({})",
                                     port.address->to_string(), bridge.subnet->to_string()),
                         "choose another --guest-ip");
  }
  for (const auto& other : spec.ports) {
    if (port.address && other.address == port.address)
      throw BusyError(fmt::format("address {} is taken by machine '{}'", port.address->to_string(), other.machine),
                      "choose another --guest-ip");
    if (other.tap == port.tap)
      throw BusyError(fmt::format("tap '{}' is taken by machine '{}'", port.tap, other.machine),
                      "choose another --tap");
    if (other.mac == port.mac)
      throw BusyError(fmt::format("MAC {} is taken by machine '{}'", port.mac, other.machine), "choose another --mac");
  }
  const auto remembered = network::addresses_of_ports(spec);
  spec.ports.push_back(port);
  port = network::with_addresses(spec, remembered).back();
  return {bridge.name,
          port.tap,
          port.address->to_string(),
          bridge.subnet->address.to_string(),
          bridge.subnet->netmask().to_string(),
          port.mac};
}

void leave_default_network(const Home& home, Reporter& reporter) {
  if (!std::filesystem::exists(home.network_dir(default_network_name))) return;
  if (!default_network(home).ports.empty()) return;
  network::remove_network({home.network_dir(default_network_name), home.supervisor, {}}, reporter);
}

}  // namespace meros::machine
