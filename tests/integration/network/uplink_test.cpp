// How constellations are joined to the host and to the outside.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "integration/network/lab.h"
#include "support/wait.h"

namespace meros::test {
namespace {

using network::Policy;
using network::Uplink;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Uplinks : public Lab {};
class UplinksOfRoot : public Lab {};
class UplinksOfAnOrdinaryUser : public Lab {};

std::string forwarding_of(const std::string& link) {
  return read_file("/proc/sys/net/ipv4/conf/" + link + "/forwarding");
}

TEST_P(Uplinks, OfTheSameSubnetWorkSideBySide) {
  auto twin = lab_;
  twin.constellation = "twin";
  EXPECT_THAT(apply(lab_), IsEmpty());
  const auto warnings = apply(twin);
  if (is_root())
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("the host has a route to 10.0.2.0/24 already")));
  else
    EXPECT_THAT(warnings, IsEmpty());
  start_machines(lab_);
  const auto other = machine(twin, "web");
  EXPECT_TRUE(reaches_outside("web"));
  EXPECT_TRUE(greeted_connection(other->network(), "203.0.113.9", 80, "outside"));
  Services services;
  services.add_tcp(&in("web"), "0.0.0.0", 5000, "lab");
  services.add_tcp(&other->network(), "0.0.0.0", 5000, "twin");
  services.start();
  EXPECT_TRUE(greeted_connection(in("db"), "10.0.2.21", 5000, "lab"));
  for (const std::string constellation : {"lab", "twin"}) {
    const Fd socket = dial(constellation, "10.0.2.21", 5000);
    ASSERT_NE(wait_for(socket, POLLIN, 30'000), 0);
    std::string greeting(constellation.size(), '\0');
    EXPECT_EQ(::read(socket.get(), greeting.data(), greeting.size()), static_cast<ssize_t>(greeting.size()));
    EXPECT_EQ(greeting, constellation);
  }
}

TEST_P(Uplinks, AreNotNeeded) {
  lab_.uplink = Uplink::none;
  EXPECT_THAT(apply(lab_), IsEmpty());
  EXPECT_EQ(status("lab").uplink, "none");
  start_machines(lab_);
  EXPECT_TRUE(is_kept_from("web", "203.0.113.9", 80, "outside"));
  EXPECT_TRUE(greeted_connection(in("web"), "10.0.2.1", 80, "host"));
  EXPECT_EQ(resolve("web", "db"), "10.0.2.22");
}

TEST_P(Uplinks, ComeWithTheHostsDefaultRoute) {
  ip({"route", "del", "default"});
  EXPECT_THAT(apply(lab_), ElementsAre("the host has no default route: no way out"));
  EXPECT_THAT(status("lab").problems, ElementsAre("no way out: the host has no default route"));
  start_machines(lab_);
  ip({"route", "add", "default", "via", "192.0.2.1"});
  EXPECT_TRUE(eventually([&] { return reaches_outside("web"); }));
  EXPECT_THAT(status("lab").problems, IsEmpty());
}

TEST_P(Uplinks, LeadToNoAddressThatTheHostGetsLater) {
  apply(lab_);
  start_machines(lab_);
  ASSERT_TRUE(reaches_outside("web"));
  // Held back until the holder has heard of it: what it heard of last is what it drops.
  ip({"address", "add", "198.51.100.7/32", "dev", "eth0"});
  EXPECT_TRUE(eventually([&] { return is_kept_from("web", "198.51.100.7", 80, "host"); }));
  EXPECT_TRUE(is_kept_from("web", "198.51.100.7", 22, "host"));
  EXPECT_TRUE(reaches_outside("web"));
  ip({"address", "del", "198.51.100.7/32", "dev", "eth0"});
}

TEST_P(UplinksOfRoot, AvoidAFirewallThatDropsByPolicy) {
  Command docker;
  docker.argv = {"nft", "-f", "-"};
  ASSERT_TRUE(run(docker, "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }")
                  .status.success());
  apply(lab_);
  EXPECT_EQ(status("lab").uplink, "pasta");
  start_machines(lab_);
  EXPECT_TRUE(eventually([&] { return reaches_outside("web"); }));
  std::vector<Probe> table;
  for (const char* address : {"192.0.2.10", "192.0.2.11"})
    table.push_back({address, &in("web"), Protocol::tcp, address, 80, "host", false, ""});
  EXPECT_THAT(wrong_probes(table), IsEmpty());
  machines_.clear();
  remove("lab");
  docker.argv = {"nft", "delete", "table", "ip", "filter"};
  ASSERT_TRUE(run(docker).status.success());
}

TEST_P(UplinksOfRoot, ForwardByTheWayOutOnlyAndAsLongAsAnybodyNeedsIt) {
  auto other = lab_;
  other.constellation = "other";
  apply(lab_);
  apply(other);
  EXPECT_EQ(forwarding_of("eth0"), "1\n");
  EXPECT_EQ(forwarding_of("lo"), "0\n");
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/ip_forward"), "0\n");
  remove("lab");
  EXPECT_EQ(forwarding_of("eth0"), "1\n");
  remove("other");
  EXPECT_EQ(forwarding_of("eth0"), "0\n");
}

TEST_P(UplinksOfAnOrdinaryUser, AreNotAVeth) {
  lab_.uplink = Uplink::veth;
  try {
    apply(lab_);
    FAIL() << "it was applied";
  } catch (const HostError& e) {
    EXPECT_EQ(e.message(), "the uplink 'veth' needs root");
    EXPECT_EQ(e.hint(), "run it with sudo, or write 'uplink: auto'");
  }
}

TEST_P(UplinksOfRoot, MendTheirRulesWhenTheHostsAreFlushed) {
  apply(lab_);
  start_machines(lab_);
  ASSERT_TRUE(reaches_outside("web"));
  Command flush;
  flush.argv = {"nft", "flush", "ruleset"};
  ASSERT_TRUE(run(flush).status.success());
  EXPECT_TRUE(eventually([&] { return is_kept_from("web", "192.0.2.10", 80, "host"); }));
  EXPECT_TRUE(reaches_outside("web"));
}

TEST_P(UplinksOfRoot, JoinABridgeOfTheHost) {
  add_bridge("hostbr", "10.0.9.1/24");
  auto host = bridge("hostbr", "10.0.9.1/24", Policy::host_access);
  host.auto_create = false;
  host.subnet.reset();
  lab_.bridges.push_back(host);
  lab_.ports.push_back(port("guest", "hostbr", ""));
  apply(lab_);
  EXPECT_THAT(servants("lab", "dnsmasq"), testing::SizeIs(1)) << "it must not serve the host's bridge";
  const FakeMachine guest(open_tap("lab", "guest-tap"), lab_.ports.back().mac,
                          network::parse_ipv4_network("10.0.9.21/24", ""), network::parse_ipv4("10.0.9.1", ""));
  // No policy of ours: the host's own services are as open as to any neighbour.
  EXPECT_TRUE(greeted_connection(guest.network(), "10.0.9.1", 8080, "host"));
  lab_.bridges.pop_back();
  lab_.ports.pop_back();
  apply(lab_);
  for (const auto& link : network::list_links()) EXPECT_FALSE(link.name.starts_with("mrj")) << link.name;
  ip({"link", "del", "hostbr"});
}

INSTANTIATE_TEST_SUITE_P(, Uplinks, both_callers, name_of_caller);
INSTANTIATE_TEST_SUITE_P(, UplinksOfRoot, testing::Values(network::Rights::root), name_of_caller);
INSTANTIATE_TEST_SUITE_P(, UplinksOfAnOrdinaryUser, testing::Values(network::Rights::user_namespace), name_of_caller);

}  // namespace
}  // namespace meros::test
