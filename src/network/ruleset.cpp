#include "network/ruleset.h"

#include <algorithm>

#include "base/json.h"

namespace meros::network {
namespace {

constexpr auto family = "inet";
constexpr auto inside_table = "meros";

// Statements and expressions, named as in libnftables-json(5).
Json match(const Json& left, const Json& right, const char* op = "==") {
  return {{"match", {{"op", op}, {"left", left}, {"right", right}}}};
}
Json meta(const char* key) { return {{"meta", {{"key", key}}}}; }
Json payload(const char* protocol, const char* field) {
  return {{"payload", {{"protocol", protocol}, {"field", field}}}};
}
Json fib(const char* result, Json flags) { return {{"fib", {{"result", result}, {"flags", std::move(flags)}}}}; }
Json set_of(Json items) { return {{"set", std::move(items)}}; }
Json jump(const std::string& chain) { return {{"jump", {{"target", chain}}}}; }
Json accept() { return {{"accept", nullptr}}; }
Json drop() { return {{"drop", nullptr}}; }

Json from_link(const std::string& name) { return match(meta("iifname"), name); }
Json to_link(const std::string& name) { return match(meta("oifname"), name); }
Json tracked(const Json& states) { return match({{"ct", {{"key", "state"}}}}, states, "in"); }
Json is_ipv4() { return match(meta("nfproto"), "ipv4"); }

Json to_json(const Ipv4Network& network) {
  if (network.prefix == 32) return network.address.to_string();
  return {{"prefix", {{"addr", network.network().to_string()}, {"len", network.prefix}}}};
}

// One table and what is in it: the commands that replace it.
class Table {
 public:
  explicit Table(std::string name) : name_(std::move(name)) {
    // It is deleted if it was there: `add` makes sure that there is something to delete.
    command("add", "table", {{"name", name_}});
    command("delete", "table", {{"name", name_}});
  }

  void create() { command("add", "table", {{"name", name_}}); }

  void base_chain(const std::string& name, const char* type, const char* hook, int priority, const char* policy) {
    command("add", "chain",
            {{"table", name_}, {"name", name}, {"type", type}, {"hook", hook}, {"prio", priority}, {"policy", policy}});
  }
  void chain(const std::string& name) { command("add", "chain", {{"table", name_}, {"name", name}}); }
  void rule(const std::string& chain, Json statements) {
    command("add", "rule", {{"table", name_}, {"chain", chain}, {"expr", std::move(statements)}});
  }

  Json json() && { return {{"nftables", std::move(commands_)}}; }

 private:
  void command(const char* verb, const char* what, Json object) {
    object["family"] = family;
    commands_.push_back({{verb, {{what, std::move(object)}}}});
  }
  std::string name_;
  Json commands_ = Json::array();
};

// Chain priorities, nft(8).
constexpr int raw_priority = -300;
constexpr int before_filter = -5;
constexpr int filter_priority = 0;
constexpr int source_nat_priority = 100;

std::string input_chain(const BridgeSpec& bridge) { return "input_" + bridge.name; }
std::string forward_chain(const BridgeSpec& bridge) { return "forward_" + bridge.name; }

Json set_of(const std::vector<Ipv4Network>& networks) {
  Json items = Json::array();
  for (const auto& network : without_contained(networks)) items.push_back(to_json(network));
  return set_of(std::move(items));
}

// Where a rule matches these destinations; nothing to ask where one of them is everything.
Json to_any_of(const std::vector<Ipv4Network>& networks) {
  const bool everything = std::ranges::any_of(networks, [](const auto& network) { return network.prefix == 0; });
  return everything ? is_ipv4() : match(payload("ip", "daddr"), set_of(networks));
}

void add_prerouting(Table& table) {
  table.base_chain("prerouting", "filter", "prerouting", raw_priority, "accept");
  // Spoofed: the way back to that source is not where it came from, or it is one of our own.
  table.rule("prerouting", {is_ipv4(), match(fib("oif", Json::array({"saddr", "iif"})), false), drop()});
  table.rule("prerouting", {match(meta("iifname"), "lo", "!="), is_ipv4(),
                            match(fib("type", Json::array({"saddr"})), "local"), drop()});
}

// What goes to the bridge's own address. The weak host model would take other bridges' addresses here too.
void add_input(Table& table, const BridgeSpec& bridge) {
  const std::string chain = input_chain(bridge);
  const Ipv4 own = bridge.subnet->address;
  table.rule(chain, {match(payload("udp", "sport"), dhcp_client_port), match(payload("udp", "dport"), dhcp_server_port),
                     match(payload("ip", "daddr"), set_of({own.to_string(), "255.255.255.255"})), accept()});
  table.rule(chain, {match(payload("ip", "daddr"), own.to_string(), "!="), drop()});
  table.rule(chain, {match(payload("udp", "dport"), dns_port), accept()});
  table.rule(chain, {match(payload("tcp", "dport"), dns_port), accept()});
  if (bridge.policy == Policy::host_access && !bridge.allowed_ports.empty()) {
    auto ports = bridge.allowed_ports;
    std::ranges::sort(ports);
    ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
    table.rule(chain, {match(payload("tcp", "dport"), set_of(ports)), accept()});
  }
  if (bridge.allow_icmp) table.rule(chain, {match(payload("icmp", "type"), "echo-request"), accept()});
}

void add_forward(Table& table, const BridgeSpec& bridge, const UplinkFacts& uplink) {
  if (uplink.kind == Uplink::none) return;
  const std::string chain = forward_chain(bridge);
  if (uplink.kind == Uplink::pasta && !uplink.not_outside.empty())
    table.rule(chain, {match(payload("ip", "daddr"), set_of(uplink.not_outside)), drop()});
  if (bridge.policy == Policy::host_access)
    table.rule(chain, {to_link(inside_uplink), is_ipv4(), accept()});
  else if (!bridge.allowed_ips.empty())
    table.rule(chain, {to_link(inside_uplink), to_any_of(bridge.allowed_ips), accept()});
}

void add_dispatch(Table& table, const std::string& from, const std::vector<BridgeSpec>& bridges,
                  std::string (*chain_of)(const BridgeSpec&)) {
  if (bridges.empty()) return;
  Json cases = Json::array();
  for (const auto& bridge : bridges) cases.push_back({bridge.name, jump(chain_of(bridge))});
  const Json dispatch = {{"vmap", {{"key", meta("iifname")}, {"data", set_of(std::move(cases))}}}};
  table.rule(from, Json::array({dispatch}));
}

std::vector<BridgeSpec> governed(const NetworkSpec& spec) {
  std::vector<BridgeSpec> bridges;
  for (const auto& bridge : spec.bridges)
    if (bridge.auto_create && bridge.subnet) bridges.push_back(bridge);
  return bridges;
}

// What some machine or other may reach: which of them is for the rules inside.
std::vector<Ipv4Network> allowed_outside(const NetworkSpec& spec) {
  std::vector<Ipv4Network> allowed;
  for (const auto& bridge : governed(spec)) {
    if (bridge.policy == Policy::host_access) return {Ipv4Network{{0}, 0}};
    allowed.insert(allowed.end(), bridge.allowed_ips.begin(), bridge.allowed_ips.end());
  }
  return allowed;
}

}  // namespace

nlohmann::json inside_ruleset(const NetworkSpec& spec, const UplinkFacts& uplink) {
  const auto bridges = governed(spec);
  Table table(inside_table);
  table.create();
  add_prerouting(table);
  for (const auto& bridge : bridges) {
    table.chain(input_chain(bridge));
    add_input(table, bridge);
    table.chain(forward_chain(bridge));
    add_forward(table, bridge, uplink);
  }

  table.base_chain("input", "filter", "input", filter_priority, "drop");
  table.rule("input", {from_link("lo"), accept()});
  table.rule("input", {tracked("invalid"), drop()});
  table.rule("input", {tracked({"established", "related"}), accept()});
  add_dispatch(table, "input", bridges, input_chain);

  table.base_chain("forward", "filter", "forward", filter_priority, "drop");
  // Peers that may talk do so as ports of one bridge: what is routed back to where it came from goes round their
  // isolation.
  for (const auto& bridge : bridges) table.rule("forward", {from_link(bridge.name), to_link(bridge.name), drop()});
  table.rule("forward", {tracked("invalid"), drop()});
  table.rule("forward", {tracked({"established", "related"}), accept()});
  add_dispatch(table, "forward", bridges, forward_chain);
  if (uplink.kind == Uplink::veth)
    for (const auto& bridge : bridges)
      if (bridge.policy == Policy::host_access)
        table.rule("forward", {from_link(inside_uplink), to_link(bridge.name), is_ipv4(), accept()});

  if (uplink.kind != Uplink::none) {
    table.base_chain("postrouting", "nat", "postrouting", source_nat_priority, "accept");
    table.rule("postrouting", {to_link(inside_uplink), is_ipv4(), {{"masquerade", nullptr}}});
  }
  return std::move(table).json();
}

nlohmann::json host_ruleset(const NetworkSpec& spec, const Names& names, const UplinkFacts& uplink) {
  const std::string& link = names.uplink;
  Table table(names.table);
  table.create();

  table.base_chain("input", "filter", "input", before_filter, "accept");
  table.rule("input", {from_link(link), tracked({"established", "related"}), accept()});
  table.rule("input", {from_link(link), drop()});

  table.base_chain("forward", "filter", "forward", before_filter, "accept");
  table.rule("forward", {from_link(link), to_link(std::string(uplink_prefix) + "*"), drop()});
  table.rule("forward", {from_link(link), tracked({"established", "related"}), accept()});
  const Json from_us = match(payload("ip", "saddr"), uplink.inside.address.to_string());
  if (const auto allowed = allowed_outside(spec); !allowed.empty())
    table.rule("forward", {from_link(link), from_us, to_any_of(allowed), accept()});
  table.rule("forward", {from_link(link), drop()});
  table.rule("forward", {to_link(link), tracked({"established", "related"}), accept()});
  table.rule("forward", {to_link(link), drop()});

  table.base_chain("postrouting", "nat", "postrouting", source_nat_priority, "accept");
  table.rule("postrouting", {from_us, match(meta("oifname"), link, "!="), {{"masquerade", nullptr}}});
  return std::move(table).json();
}

nlohmann::json no_host_ruleset(const Names& names) { return Table(names.table).json(); }

}  // namespace meros::network
