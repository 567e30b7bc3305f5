#include "network/ipam.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace meros::network {
namespace {

using testing::ElementsAre;

NetworkSpec spec_of(const std::string& subnet, const std::vector<std::pair<std::string, std::string>>& machines) {
  NetworkSpec spec;
  BridgeSpec bridge;
  bridge.name = "br";
  bridge.subnet = parse_ipv4_network(subnet, "subnet");
  spec.bridges = {bridge};
  for (const auto& [machine, address] : machines) {
    PortSpec port;
    port.machine = machine;
    port.bridge = "br";
    if (!address.empty()) port.address = parse_ipv4(address, "address");
    spec.ports.push_back(port);
  }
  return spec;
}

std::vector<std::string> given(const NetworkSpec& spec, const Addresses& remembered = {}) {
  std::vector<std::string> addresses;
  for (const auto& port : with_addresses(spec, remembered))
    addresses.push_back(port.address ? port.address->to_string() : "");
  return addresses;
}

Addresses remembered(const std::vector<std::pair<std::string, std::string>>& machines) {
  Addresses addresses;
  for (const auto& [machine, address] : machines) addresses[{machine, "br"}] = parse_ipv4(address, "address");
  return addresses;
}

TEST(Ipam, GivesTheLowestFreeAddresses) {
  EXPECT_THAT(given(spec_of("10.0.2.1/24", {{"a", ""}, {"b", "10.0.2.3"}, {"c", ""}, {"d", ""}})),
              ElementsAre("10.0.2.2", "10.0.2.3", "10.0.2.4", "10.0.2.5"));
  EXPECT_THAT(given(spec_of("10.0.2.254/24", {{"a", ""}})), ElementsAre("10.0.2.1"));
}

TEST(Ipam, RemembersEvenWhenTheOrderChanges) {
  EXPECT_THAT(given(spec_of("10.0.2.1/24", {{"new", ""}, {"b", ""}, {"a", ""}}),
                    remembered({{"a", "10.0.2.2"}, {"b", "10.0.2.3"}})),
              ElementsAre("10.0.2.4", "10.0.2.3", "10.0.2.2"));
}

TEST(Ipam, KeepsTheAddressesOfThoseWhoAreAway) {
  EXPECT_THAT(given(spec_of("10.0.2.1/24", {{"new", ""}}), remembered({{"away", "10.0.2.2"}})),
              ElementsAre("10.0.2.3"));
}

TEST(Ipam, TakesThemWhenNothingElseIsLeft) {
  EXPECT_THAT(given(spec_of("10.0.2.1/30", {{"new", ""}}), remembered({{"away", "10.0.2.2"}})),
              ElementsAre("10.0.2.2"));
}

TEST(Ipam, ForgetsWhatIsTakenOrOutside) {
  EXPECT_THAT(given(spec_of("10.0.2.1/24", {{"a", ""}, {"b", "10.0.2.2"}, {"c", ""}}),
                    remembered({{"a", "10.0.2.2"}, {"c", "10.0.9.9"}})),
              ElementsAre("10.0.2.3", "10.0.2.2", "10.0.2.4"));
}

TEST(Ipam, SaysWhoGetsNone) {
  try {
    given(spec_of("10.0.2.1/30", {{"a", ""}, {"b", ""}}));
    FAIL() << "it gave an address";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "bridge 'br' has no address left for machine 'b'");
    EXPECT_EQ(e.hint(), "give the bridge a larger subnet");
  }
}

TEST(Ipam, GivesNoneWhereThereIsNoSubnet) {
  auto spec = spec_of("10.0.2.1/24", {{"a", ""}});
  spec.bridges[0].subnet.reset();
  EXPECT_THAT(given(spec), ElementsAre(""));
}

TEST(Ipam, IsQuickInALargeSubnet) {
  std::vector<std::pair<std::string, std::string>> machines;
  for (int i = 0; i < 5000; ++i) machines.emplace_back("m" + std::to_string(i), "");
  EXPECT_EQ(given(spec_of("10.0.0.1/8", machines)).back(), "10.0.19.137");
}

}  // namespace
}  // namespace meros::network
