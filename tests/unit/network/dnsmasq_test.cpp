#include "network/dnsmasq.h"

#include <gmock/gmock.h>

namespace meros::network {
namespace {

NetworkSpec lab(Policy policy) {
  NetworkSpec spec;
  spec.constellation = "My_Lab";
  BridgeSpec bridge;
  bridge.name = "br0";
  bridge.subnet = parse_ipv4_network("10.0.2.1/24", "");
  bridge.policy = policy;
  spec.bridges = {bridge};
  spec.ports = {{"Web_1", "t0", "br0", "02:00:00:00:00:01", parse_ipv4("10.0.2.21", ""), 0},
                {"other", "t1", "br1", "02:00:00:00:00:02", parse_ipv4("10.0.3.21", ""), 0}};
  return spec;
}

TEST(DnsmasqConfig, GivesAddressesByMacAndAsksTheRelayForTheRest) {
  const auto spec = lab(Policy::host_access);
  EXPECT_EQ(dnsmasq_config(spec, spec.bridges[0], 1400, DnsmasqUser::nobody),
            "user=nobody\n"
            "pid-file=\n"
            "interface=br0\n"
            "except-interface=lo\n"
            "bind-interfaces\n"
            "port=53\n"
            "log-facility=-\n"
            "no-hosts\n"
            "no-resolv\n"
            "domain-needed\n"
            "domain=my-lab\n"
            "local=/my-lab/\n"
            "server=127.0.0.1#5300\n"
            "dhcp-authoritative\n"
            "leasefile-ro\n"
            "no-ping\n"
            "dhcp-range=10.0.2.0,static,255.255.255.0,12h\n"
            "dhcp-option=option:mtu,1400\n"
            "dhcp-host=02:00:00:00:00:01,10.0.2.21,web-1\n"
            "host-record=web-1,web-1.my-lab,10.0.2.21\n");
}

TEST(DnsmasqConfig, OfAnIsolatedBridgeInAUserNamespaceAsksNobody) {
  const auto spec = lab(Policy::isolated);
  const std::string config = dnsmasq_config(spec, spec.bridges[0], 1500, DnsmasqUser::namespace_root);
  EXPECT_THAT(config, testing::StartsWith("user=root\ngroup=\n"));
  EXPECT_THAT(config, testing::Not(testing::HasSubstr("server=")));
}

TEST(DnsmasqConfig, KnowsTheMachinesBehindThoseOnTheBridge) {
  auto spec = lab(Policy::host_access);
  spec.ports.push_back({"Web_1", "t2", "br1", "02:00:00:00:00:03", parse_ipv4("10.0.3.22", ""), 0});
  spec.ports.push_back({"far", "t3", "br2", "02:00:00:00:00:04", parse_ipv4("10.0.4.21", ""), 0});
  EXPECT_THAT(dnsmasq_config(spec, spec.bridges[0], 1400, DnsmasqUser::nobody),
              testing::EndsWith("dhcp-host=02:00:00:00:00:01,10.0.2.21,web-1\n"
                                "host-record=web-1,web-1.my-lab,10.0.2.21\n"
                                "host-record=other,other.my-lab,10.0.3.21\n"));
}

TEST(DnsQuestion, IsRecognisedInItsAnswer) {
  const std::string question = dns_question("web.lab", 0x1234);
  EXPECT_EQ(question, std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                                  "\x03web\x03lab\x00\x00\x01\x00\x01",
                                  25));
  EXPECT_FALSE(answers(question, 0x1234)) << "it is a question";
  std::string answer = question;
  answer[2] = static_cast<char>(0x81);
  EXPECT_TRUE(answers(answer, 0x1234));
  EXPECT_FALSE(answers(answer, 0x1235));
  EXPECT_FALSE(answers(answer.substr(0, 11), 0x1234));
}

}  // namespace
}  // namespace meros::network
