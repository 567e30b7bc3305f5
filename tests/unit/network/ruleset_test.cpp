// The rules of every cell of the policy table, as nft is given them: one command a line, in tests/unit/network/golden.
#include "network/ruleset.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "base/json.h"
#include "network/uplink.h"

namespace meros::network {
namespace {

BridgeSpec bridge(const std::string& name, const std::string& subnet, Policy policy) {
  BridgeSpec bridge;
  bridge.name = name;
  bridge.subnet = parse_ipv4_network(subnet, "subnet");
  bridge.policy = policy;
  return bridge;
}

NetworkSpec lab(std::vector<BridgeSpec> bridges) {
  NetworkSpec spec;
  spec.constellation = "lab";
  spec.bridges = std::move(bridges);
  return spec;
}

UplinkFacts uplink(Uplink kind) {
  UplinkFacts facts;
  facts.kind = kind;
  facts.inside = parse_ipv4_network("169.254.7.2/30", "inside");
  facts.gateway = parse_ipv4("169.254.7.1", "gateway");
  return facts;
}

std::string golden(const std::string& name) {
  std::ifstream file(std::string(MEROS_SOURCE_DIR) + "/tests/unit/network/golden/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string lines(const Json& rules) {
  std::string text;
  for (const auto& command : get<Json>(rules, "nftables")) text += command.dump() + "\n";
  return text;
}

TEST(InsideRuleset, DropsAllWithoutBridges) {
  EXPECT_EQ(lines(inside_ruleset(lab({}), uplink(Uplink::none))), golden("nothing.rules"));
}

TEST(InsideRuleset, OfHostAccessLetsOutAndServesPorts) {
  auto open = bridge("open", "10.0.2.1/24", Policy::host_access);
  open.allowed_ports = {443, 22, 80, 22};
  EXPECT_EQ(lines(inside_ruleset(lab({open}), uplink(Uplink::veth))), golden("host-access-veth.rules"));
}

TEST(InsideRuleset, OfPastaKeepsFromTheHostsOwnAddresses) {
  auto open = bridge("open", "10.0.2.1/24", Policy::host_access);
  auto facts = uplink(Uplink::pasta);
  facts.not_outside = {parse_ipv4_network("192.0.2.10/32", ""), parse_ipv4_network("10.9.0.0/16", "")};
  EXPECT_EQ(lines(inside_ruleset(lab({open}), facts)), golden("host-access-pasta.rules"));
}

TEST(InsideRuleset, OfHostAccessWithoutAnUplinkLetsNothingOut) {
  auto open = bridge("open", "10.0.2.1/24", Policy::host_access);
  open.allow_icmp = false;
  EXPECT_EQ(lines(inside_ruleset(lab({open}), uplink(Uplink::none))), golden("host-access-none.rules"));
}

TEST(InsideRuleset, OfIsolatedLetsOutToAllowedAddressesOnly) {
  auto shut = bridge("shut", "10.0.3.1/24", Policy::isolated);
  shut.allowed_ports = {80};
  shut.allowed_ips = {parse_ipv4_network("203.0.113.9/32", ""), parse_ipv4_network("198.51.100.77/24", ""),
                      parse_ipv4_network("198.51.100.3/32", "")};
  EXPECT_EQ(lines(inside_ruleset(lab({shut}), uplink(Uplink::veth))), golden("isolated-allowed.rules"));
}

TEST(InsideRuleset, OfIsolatedWithoutAllowedAddressesLetsNothingOut) {
  auto shut = bridge("shut", "10.0.3.1/24", Policy::isolated);
  shut.allow_icmp = false;
  shut.peer_isolation = true;
  EXPECT_EQ(lines(inside_ruleset(lab({shut}), uplink(Uplink::veth))), golden("isolated.rules"));
}

TEST(InsideRuleset, TakesEverywhereAsAnAllowedAddress) {
  auto shut = bridge("shut", "10.0.3.1/24", Policy::isolated);
  shut.allowed_ips = {parse_ipv4_network("0.0.0.0/0", ""), parse_ipv4_network("198.51.100.3/32", "")};
  EXPECT_EQ(lines(inside_ruleset(lab({shut}), uplink(Uplink::veth))), golden("isolated-everywhere.rules"));
}

TEST(InsideRuleset, KeepsBridgesApartAndLeavesTheHostsAlone) {
  auto joined = bridge("joined", "10.0.9.1/24", Policy::host_access);
  joined.auto_create = false;
  EXPECT_EQ(lines(inside_ruleset(lab({bridge("open", "10.0.2.1/24", Policy::host_access),
                                      bridge("shut", "10.0.3.1/24", Policy::isolated), joined}),
                                 uplink(Uplink::veth))),
            golden("two-bridges.rules"));
}

TEST(HostRuleset, LetsOutWhatHostAccessMeans) {
  const Names names = names_of("/srv/data/networks/lab");
  EXPECT_EQ(lines(host_ruleset(lab({bridge("open", "10.0.2.1/24", Policy::host_access)}), names, uplink(Uplink::veth))),
            golden("host-open.rules"));
}

TEST(HostRuleset, LetsOutToAllowedAddressesOnlyWhereAllAreIsolated) {
  auto one = bridge("one", "10.0.2.1/24", Policy::isolated);
  auto two = bridge("two", "10.0.3.1/24", Policy::isolated);
  one.allowed_ips = {parse_ipv4_network("203.0.113.9/32", "")};
  two.allowed_ips = {parse_ipv4_network("198.51.100.0/24", "")};
  const Names names = names_of("/srv/data/networks/lab");
  EXPECT_EQ(lines(host_ruleset(lab({one, two}), names, uplink(Uplink::veth))), golden("host-allowed.rules"));
}

TEST(HostRuleset, LetsNothingOutWhereNothingIsAllowed) {
  const Names names = names_of("/srv/data/networks/lab");
  EXPECT_EQ(lines(host_ruleset(lab({bridge("shut", "10.0.2.1/24", Policy::isolated)}), names, uplink(Uplink::veth))),
            golden("host-shut.rules"));
}

TEST(HostRuleset, GoesAlsoWhereItIsNotThere) {
  EXPECT_EQ(lines(no_host_ruleset(names_of("/srv/data/networks/lab"))), golden("host-gone.rules"));
}

}  // namespace
}  // namespace meros::network
