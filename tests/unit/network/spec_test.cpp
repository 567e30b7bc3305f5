#include "network/spec.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/json.h"
#include "network/spec_check.h"

namespace meros::network {
namespace {

NetworkSpec lab() {
  NetworkSpec spec;
  spec.constellation = "lab";
  spec.data_dir = "/srv/data";
  spec.uplink = Uplink::pasta;
  BridgeSpec open;
  open.name = "open";
  open.subnet = parse_ipv4_network("10.0.2.1/24", "");
  open.allowed_ports = {22, 65535};
  open.host_loopback = true;
  BridgeSpec shut;
  shut.name = "shut";
  shut.subnet = parse_ipv4_network("10.0.3.1/24", "");
  shut.policy = Policy::isolated;
  shut.allowed_ips = {parse_ipv4_network("203.0.113.0/24", "")};
  shut.peer_isolation = true;
  shut.allow_icmp = false;
  BridgeSpec host;
  host.name = "docker0";
  host.auto_create = false;
  spec.bridges = {open, shut, host};
  spec.ports = {{"web", "web0", "open", "02:00:00:00:00:01", parse_ipv4("10.0.2.21", ""), 1000},
                {"db", "db0", "shut", "02:00:00:00:00:02", parse_ipv4("10.0.3.21", ""), 1000},
                {"db", "db1", "docker0", "02:00:00:00:00:03", {}, 1000}};
  return spec;
}

// The message of the error that `change` makes of a good spec.
template <typename Change>
std::string refusal(Change change) {
  NetworkSpec spec = lab();
  change(spec);
  try {
    check_network_spec(spec);
  } catch (const InvalidError& e) {
    return e.message();
  }
  return "no error";
}

TEST(NetworkSpec, ComesBackFromJson) { EXPECT_EQ(parse_network_spec(to_json(lab()).dump()), lab()); }

TEST(NetworkSpec, OfAnotherVersionIsRefused) {
  Json json = to_json(lab());
  json["schema_version"] = 2;
  EXPECT_THROW(parse_network_spec(json.dump()), InvalidError);
}

TEST(NetworkSpecCheck, TakesAGoodOne) {
  EXPECT_EQ(refusal([](NetworkSpec&) {}), "no error");
}

TEST(NetworkSpecCheck, NamesWhatIsWrong) {
  EXPECT_EQ(refusal([](auto& s) { s.bridges[0].subnet.reset(); }), "bridge 'open' has no subnet");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[0].subnet = parse_ipv4_network("10.0.2.0/24", ""); }),
            "bridge 'open' cannot have the address 10.0.2.0/24");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[0].subnet = parse_ipv4_network("10.0.2.1/31", ""); }),
            "bridge 'open' cannot have the address 10.0.2.1/31");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[1].subnet = parse_ipv4_network("10.0.0.1/16", ""); }),
            "the subnets of bridges 'open' and 'shut' overlap");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[1].name = "open"; }), "the name 'open' cannot be a bridge's: it is taken");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[1].name = "uplink"; }),
            "the name 'uplink' cannot be a bridge's: it is taken");
  EXPECT_EQ(refusal([](auto& s) { s.bridges[1].name = "a name"; }), "the bridge name 'a name' is not valid");
  EXPECT_EQ(refusal([](auto& s) { s.ports[1].tap = "web0"; }), "the name 'web0' cannot be a TAP's: it is taken");
  EXPECT_EQ(refusal([](auto& s) { s.ports[1].tap = "lo"; }), "the name 'lo' cannot be a TAP's: it is taken");
  EXPECT_EQ(refusal([](auto& s) { s.ports[1].tap = "../../etc"; }), "the TAP name '../../etc' is not valid");
  EXPECT_EQ(refusal([](auto& s) { s.ports[1].bridge = "none"; }),
            "machine 'db' is on bridge 'none', which is not there");
  EXPECT_EQ(refusal([](auto& s) { s.ports[0].address.reset(); }), "machine 'web' has no address on 'open'");
  EXPECT_EQ(refusal([](auto& s) { s.ports[0].address = parse_ipv4("10.0.2.1", ""); }),
            "machine 'web' cannot have the address 10.0.2.1 on bridge 'open' (10.0.2.1/24)");
  EXPECT_EQ(refusal([](auto& s) { s.ports[0].address = parse_ipv4("10.0.3.4", ""); }),
            "machine 'web' cannot have the address 10.0.3.4 on bridge 'open' (10.0.2.1/24)");
  EXPECT_EQ(refusal([](auto& s) {
              s.ports.push_back(s.ports[0]);
              s.ports.back().tap = "web1";
            }),
            "the address 10.0.2.21 is given twice");
  EXPECT_EQ(refusal([](auto& s) { s.ports[0].machine = "web\nserver=1.1.1.1"; }).substr(0, 16), "the machine name");
  EXPECT_EQ(refusal([](auto& s) { s.constellation = "a/b"; }).substr(0, 22), "the constellation name");
}

}  // namespace
}  // namespace meros::network
