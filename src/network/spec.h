// What the network of a constellation shall be: plain values, checked, and their JSON (network.json). Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"

namespace meros::network {

enum class Uplink { automatic, veth, pasta, none };
enum class Policy { host_access, isolated };
std::string_view to_string(Uplink uplink);  // as in a manifest: "auto", "veth" …
std::string_view to_string(Policy policy);  // "host-access", "isolated"

struct BridgeSpec {
  std::string name;
  // The bridge's own address, and the subnet. Always there with auto_create.
  std::optional<Ipv4Network> subnet;
  Policy policy = Policy::host_access;
  std::vector<std::uint16_t> allowed_ports;  // tcp, of the host
  std::vector<Ipv4Network> allowed_ips;      // outside, host bits cleared
  bool allow_icmp = true;
  bool auto_create = true;  // false: a bridge of the host; no policy of ours applies to it
  bool peer_isolation = false;
  bool host_loopback = false;  // allowed_ports reach services on the host's 127.0.0.1 too
  bool operator==(const BridgeSpec&) const = default;
};

// One NIC of one machine.
struct PortSpec {
  std::string machine;  // its name in the constellation
  std::string tap;      // the device's name inside the namespace (network::tap_name)
  std::string bridge;
  std::string mac;
  std::optional<Ipv4> address;  // always there on a bridge with a subnet
  uid_t owner_uid = 0;          // who may open the TAP: the user that the VMM runs as, as the host counts
  bool operator==(const PortSpec&) const = default;
};

struct NetworkSpec {
  std::string constellation;
  std::string data_dir;  // absolute: names of namespaces, host links and tables hash it in
  Uplink uplink = Uplink::automatic;
  std::vector<BridgeSpec> bridges;
  std::vector<PortSpec> ports;
  bool operator==(const NetworkSpec&) const = default;

  const BridgeSpec* find_bridge(std::string_view name) const;
};

nlohmann::json to_json(const NetworkSpec& spec);
// InvalidError that names the field.
NetworkSpec parse_network_spec(std::string_view text);

}  // namespace meros::network
