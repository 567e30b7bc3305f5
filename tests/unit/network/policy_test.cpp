#include "network/policy.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace meros::network {
namespace {

class MayFlow : public testing::Test {
 protected:
  MayFlow() {
    uplink_.kind = Uplink::veth;
    uplink_.inside = parse_ipv4_network("169.254.7.2/30", "");
    uplink_.gateway = parse_ipv4("169.254.7.1", "");
    BridgeSpec open;
    open.name = "open";
    open.subnet = parse_ipv4_network("10.0.2.1/24", "");
    open.allowed_ports = {80};
    BridgeSpec shut;
    shut.name = "shut";
    shut.subnet = parse_ipv4_network("10.0.3.1/24", "");
    shut.policy = Policy::isolated;
    shut.allowed_ips = {parse_ipv4_network("203.0.113.0/24", "")};
    shut.allowed_ports = {80};
    spec_.bridges = {open, shut};
  }
  bool may(std::uint8_t protocol, const char* from, const char* to, std::uint16_t port) const {
    return may_flow(spec_, uplink_, {protocol, parse_ipv4(from, ""), parse_ipv4(to, ""), port});
  }
  bool tcp(const char* from, const char* to, std::uint16_t port) const { return may(IPPROTO_TCP, from, to, port); }

  NetworkSpec spec_;
  UplinkFacts uplink_;
};

TEST_F(MayFlow, ToABridgesOwnAddressAsItsPolicySays) {
  EXPECT_TRUE(tcp("10.0.2.21", "10.0.2.1", 80));
  EXPECT_FALSE(tcp("10.0.2.21", "10.0.2.1", 22));
  EXPECT_FALSE(tcp("10.0.3.21", "10.0.3.1", 80)) << "isolated: its ports do not count";
  for (const char* from : {"10.0.2.21", "10.0.3.21"}) {
    const char* to = from[5] == '2' ? "10.0.2.1" : "10.0.3.1";
    EXPECT_TRUE(tcp(from, to, 53));
    EXPECT_TRUE(may(IPPROTO_UDP, from, to, 53));
    EXPECT_TRUE(may(IPPROTO_UDP, from, to, 67));
    EXPECT_FALSE(may(IPPROTO_UDP, from, to, 123));
    EXPECT_TRUE(may(IPPROTO_ICMP, from, to, ICMP_ECHO));
    EXPECT_FALSE(may(IPPROTO_ICMP, from, to, ICMP_TIMESTAMP));
    EXPECT_FALSE(may(IPPROTO_SCTP, from, to, 80));
  }
  spec_.bridges[0].allow_icmp = false;
  EXPECT_FALSE(may(IPPROTO_ICMP, "10.0.2.21", "10.0.2.1", ICMP_ECHO));
}

TEST_F(MayFlow, NotFromOneBridgeToAnother) {
  EXPECT_FALSE(tcp("10.0.2.21", "10.0.3.21", 80));
  EXPECT_FALSE(tcp("10.0.2.21", "10.0.3.1", 53));
  EXPECT_FALSE(tcp("10.0.3.21", "10.0.2.21", 80));
}

TEST_F(MayFlow, NotByTheGatewayToAPeer) { EXPECT_FALSE(tcp("10.0.2.21", "10.0.2.22", 80)); }

TEST_F(MayFlow, ToTheOutsideAsThePolicySays) {
  EXPECT_TRUE(tcp("10.0.2.21", "198.51.100.1", 80));
  EXPECT_TRUE(tcp("10.0.3.21", "203.0.113.9", 80));
  EXPECT_FALSE(tcp("10.0.3.21", "198.51.100.1", 80));
  uplink_.kind = Uplink::none;
  EXPECT_FALSE(tcp("10.0.2.21", "198.51.100.1", 80));
}

TEST_F(MayFlow, NotByPastaToTheHost) {
  uplink_.kind = Uplink::pasta;
  uplink_.not_outside = {parse_ipv4_network("203.0.113.9/32", "")};
  EXPECT_FALSE(tcp("10.0.2.21", "203.0.113.9", 80));
  EXPECT_FALSE(tcp("10.0.3.21", "203.0.113.9", 80));
  EXPECT_TRUE(tcp("10.0.3.21", "203.0.113.10", 80));
}

TEST_F(MayFlow, FromTheHostByAVethToHostAccessOnly) {
  EXPECT_TRUE(tcp("169.254.7.1", "10.0.2.21", 22));
  EXPECT_FALSE(tcp("169.254.7.1", "10.0.3.21", 22));
  uplink_.kind = Uplink::pasta;
  EXPECT_FALSE(tcp("169.254.7.1", "10.0.2.21", 22));
}

TEST_F(MayFlow, FromTheNamespaceItselfAlways) {
  EXPECT_TRUE(tcp("10.0.3.1", "10.0.3.21", 22));
  EXPECT_TRUE(tcp("127.0.0.1", "127.0.0.1", 5300));
  EXPECT_TRUE(tcp("169.254.7.2", "198.51.100.1", 80));
}

TEST(WithoutContained, KeepsTheLargestNetworks) {
  const auto network = [](const char* text) { return parse_ipv4_network(text, ""); };
  EXPECT_THAT(without_contained({network("10.1.2.3/32"), network("192.0.2.1/32"), network("10.0.0.0/8"),
                                 network("10.1.0.0/16"), network("192.0.2.1/32"), network("10.77.1.1/8")}),
              testing::ElementsAre(network("10.0.0.0/8"), network("192.0.2.1/32")));
}

}  // namespace
}  // namespace meros::network
