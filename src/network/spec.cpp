#include "network/spec.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace meros::network {
namespace {

constexpr int schema_version = 1;

Uplink parse_uplink(const std::string& text) {
  for (const Uplink uplink : {Uplink::automatic, Uplink::veth, Uplink::pasta, Uplink::none})
    if (to_string(uplink) == text) return uplink;
  throw InvalidError("'uplink' is '" + text + "'", "auto, veth, pasta or none");
}

Policy parse_policy(const std::string& text) {
  for (const Policy policy : {Policy::host_access, Policy::isolated})
    if (to_string(policy) == text) return policy;
  throw InvalidError("'policy' is '" + text + "'", "host-access or isolated");
}

Json to_json(const BridgeSpec& bridge) {
  Json allowed_ips = Json::array();
  for (const auto& network : bridge.allowed_ips) allowed_ips.push_back(network.to_string());
  return {{"name", bridge.name},
          {"subnet", bridge.subnet ? Json(bridge.subnet->to_string()) : Json()},
          {"policy", to_string(bridge.policy)},
          {"allowed_ports", bridge.allowed_ports},
          {"allowed_ips", allowed_ips},
          {"allow_icmp", bridge.allow_icmp},
          {"auto_create", bridge.auto_create},
          {"peer_isolation", bridge.peer_isolation},
          {"host_loopback", bridge.host_loopback}};
}

BridgeSpec parse_bridge(const Json& json) {
  BridgeSpec bridge;
  bridge.name = get<std::string>(json, "name");
  if (const auto subnet = get_or<std::string>(json, "subnet", ""); !subnet.empty())
    bridge.subnet = parse_ipv4_network(subnet, "subnet");
  bridge.policy = parse_policy(get<std::string>(json, "policy"));
  bridge.allowed_ports = get<std::vector<std::uint16_t>>(json, "allowed_ports");
  for (const auto& network : get<std::vector<std::string>>(json, "allowed_ips"))
    bridge.allowed_ips.push_back(parse_ipv4_network(network, "allowed_ips"));
  bridge.allow_icmp = get<bool>(json, "allow_icmp");
  bridge.auto_create = get<bool>(json, "auto_create");
  bridge.peer_isolation = get<bool>(json, "peer_isolation");
  bridge.host_loopback = get<bool>(json, "host_loopback");
  return bridge;
}

Json to_json(const PortSpec& port) {
  return {{"machine", port.machine},
          {"tap", port.tap},
          {"bridge", port.bridge},
          {"mac", port.mac},
          {"address", port.address ? Json(port.address->to_string()) : Json()},
          {"owner_uid", port.owner_uid}};
}

PortSpec parse_port(const Json& json) {
  PortSpec port;
  port.machine = get<std::string>(json, "machine");
  port.tap = get<std::string>(json, "tap");
  port.bridge = get<std::string>(json, "bridge");
  port.mac = parse_mac(get<std::string>(json, "mac"), "mac");
  if (const auto address = get_or<std::string>(json, "address", ""); !address.empty())
    port.address = parse_ipv4(address, "address");
  port.owner_uid = get<uid_t>(json, "owner_uid");
  return port;
}

}  // namespace

std::string_view to_string(Uplink uplink) {
  switch (uplink) {
    case Uplink::automatic:
      return "auto";
    case Uplink::veth:
      return "veth";
    case Uplink::pasta:
      return "pasta";
    case Uplink::none:
      return "none";
  }
  return "";
}

std::string_view to_string(Policy policy) { return policy == Policy::host_access ? "host-access" : "isolated"; }

const BridgeSpec* NetworkSpec::find_bridge(std::string_view name) const {
  const auto found = std::ranges::find(bridges, name, &BridgeSpec::name);
  return found == bridges.end() ? nullptr : &*found;
}

nlohmann::json to_json(const NetworkSpec& spec) {
  Json bridges = Json::array();
  for (const auto& bridge : spec.bridges) bridges.push_back(to_json(bridge));
  Json ports = Json::array();
  for (const auto& port : spec.ports) ports.push_back(to_json(port));
  return {{"schema_version", schema_version}, {"constellation", spec.constellation}, {"data_dir", spec.data_dir},
          {"uplink", to_string(spec.uplink)}, {"bridges", std::move(bridges)},       {"ports", std::move(ports)}};
}

NetworkSpec parse_network_spec(std::string_view text) {
  const Json json = parse_json(text, "network.json");
  if (get<int>(json, "schema_version") != schema_version)
    throw InvalidError("network.json was written by another version of meros", "use that one");
  NetworkSpec spec;
  spec.constellation = get<std::string>(json, "constellation");
  spec.data_dir = get<std::string>(json, "data_dir");
  spec.uplink = parse_uplink(get<std::string>(json, "uplink"));
  for (const auto& bridge : get<Json>(json, "bridges")) spec.bridges.push_back(parse_bridge(bridge));
  for (const auto& port : get<Json>(json, "ports")) spec.ports.push_back(parse_port(port));
  return spec;
}

}  // namespace meros::network
