#include "network/uplink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include "network/relay.h"

namespace meros::network {
namespace {

using testing::ElementsAre;

TEST(Names, TellDataDirectoriesApart) {
  const Names a = names_of("/srv/a/networks/lab");
  const Names b = names_of("/srv/b/networks/lab");
  EXPECT_NE(a.network, b.network);
  EXPECT_NE(a.uplink, b.uplink);
  EXPECT_NE(a.table, b.table);
  EXPECT_NE(a.joint("br0"), b.joint("br0"));
  EXPECT_EQ(names_of("/srv/a/./networks/lab").uplink, a.uplink);
}

// They are found again by later versions: these must never change.
TEST(Names, StayTheSame) {
  const Names names = names_of("/srv/data/networks/lab");
  EXPECT_EQ(names.network, "meros-lab-51053d14");
  EXPECT_EQ(names.uplink, "mrsb7bf51053d14");
  EXPECT_EQ(names.table, "meros_3dddb7bf51053d14");
  EXPECT_EQ(names.joint("br0"), "mrj441cb2986a26");
  EXPECT_EQ(names.alias, "meros lab");
  EXPECT_LE(names.uplink.size(), 15U);
  EXPECT_EQ(stable_mac("x"), "02:20:e3:71:2a:a5");
}

TEST(UplinkSubnet, IsLinkLocalAndFree) {
  const Names names = names_of("/srv/data/networks/lab");
  const auto first = choose_uplink_subnet(names, {}, {});
  EXPECT_EQ(first.prefix, 30U);
  EXPECT_TRUE(parse_ipv4_network("169.254.0.0/16", "").contains(first.address));
  HostFacts host;
  host.addresses = {{{first.network().value + 1}, 30}};
  const auto second = choose_uplink_subnet(names, {}, host);
  EXPECT_FALSE(first.contains(second.address));
  BridgeSpec bridge;
  bridge.subnet = Ipv4Network{{second.network().value}, 24};
  NetworkSpec spec;
  spec.bridges = {bridge};
  EXPECT_FALSE(bridge.subnet->contains(choose_uplink_subnet(names, spec, host).address));
  EXPECT_EQ(choose_uplink_subnet(names, {}, {}), first);
}

TEST(UplinkFacts, OfPastaTellTheHostFromTheOutside) {
  HostFacts host;
  host.addresses = {parse_ipv4_network("192.0.2.10/24", ""), parse_ipv4_network("192.0.2.10/24", "")};
  host.uplinked = {parse_ipv4_network("10.0.7.0/24", "")};
  host.way_out = WayOut{"eth0", parse_ipv4("192.0.2.10", ""), 1400};
  const auto subnet = parse_ipv4_network("169.254.7.0/30", "");
  const auto pasta = uplink_facts(Uplink::pasta, subnet, host);
  EXPECT_THAT(pasta.not_outside,
              ElementsAre(parse_ipv4_network("10.0.7.0/24", ""), parse_ipv4_network("192.0.2.10/32", "")));
  EXPECT_EQ(pasta.inside.to_string(), "169.254.7.2/30");
  EXPECT_EQ(pasta.gateway.to_string(), "169.254.7.1");
  EXPECT_EQ(pasta.mtu, 1400U);
  EXPECT_THAT(uplink_facts(Uplink::veth, subnet, host).not_outside, testing::IsEmpty());
}

TEST(PastaCommand, PublishesAndMapsNothing) {
  UplinkFacts facts;
  facts.kind = Uplink::pasta;
  facts.inside = parse_ipv4_network("169.254.7.2/30", "");
  facts.gateway = parse_ipv4("169.254.7.1", "");
  facts.mtu = 1400;
  if (!find_program("pasta")) GTEST_SKIP() << "needs pasta";
  auto argv = pasta_command(facts, true).argv;
  argv.erase(argv.begin());
  EXPECT_THAT(argv, ElementsAre("--foreground", "--quiet", "--stderr", "--ipv4-only", "--config-net", "--ns-ifname",
                                "uplink", "--address", "169.254.7.2", "--netmask", "30", "--gateway", "169.254.7.1",
                                "--mtu", "1400", "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none",
                                "--udp-ns", "none", "--no-map-gw", "--no-dhcp", "--no-netns-quit", "--netns-only",
                                "--runas", "0:0", "--netns", "/proc/self/fd/3"));
}

std::vector<std::string> texts(const std::vector<sockaddr_storage>& servers) {
  std::vector<std::string> all;
  for (const auto& server : servers) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&server);
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&server);
    if (server.ss_family == AF_INET)
      ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    else
      ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    all.emplace_back(text.data());
  }
  return all;
}

TEST(NameServers, AreReadAsTheResolverReadsThem) {
  EXPECT_THAT(texts(name_servers("# nameserver 1.1.1.1\nsearch example.org\nnameserver 127.0.0.53\n"
                                 "nameserver\t2001:db8::1  \noptions edns0\nnameserver 192.0.2.1 # spare\n"
                                 "nameserver 192.0.2.2\n")),
              ElementsAre("127.0.0.53", "2001:db8::1", "192.0.2.1"));
  EXPECT_THAT(texts(name_servers("nameserver nonsense\nnameservers 192.0.2.1\n")), ElementsAre("127.0.0.1"));
  EXPECT_THAT(texts(name_servers("")), ElementsAre("127.0.0.1"));
}

}  // namespace
}  // namespace meros::network
