// Every cell of the policy table, by real packets, as root and as an ordinary user.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include "integration/network/probe.h"
#include "integration/network/world.h"

namespace meros::test {
namespace {

using network::NetworkSpec;
using network::Policy;
using network::Rights;
using testing::IsEmpty;

// A constellation with one bridge of each kind, and another constellation beside it.
class PolicyTable : public Networks {
 protected:
  void SetUp() override {
    Networks::SetUp();
    if (IsSkipped()) return;
    lab_ = spec("lab");
    lab_.bridges = {bridge("open", "10.0.2.1/24", Policy::host_access), bridge("shut", "10.0.3.1/24", Policy::isolated),
                    bridge("mute", "10.0.4.1/24", Policy::host_access),
                    bridge("cell", "10.0.5.1/24", Policy::isolated)};
    lab_.bridges[1].allowed_ips = {network::parse_ipv4_network("203.0.113.9/32", "")};
    lab_.bridges[2].allow_icmp = false;
    lab_.bridges[2].peer_isolation = true;
    lab_.bridges[2].host_loopback = true;
    lab_.bridges[3].allow_icmp = false;
    lab_.bridges[3].peer_isolation = true;
    lab_.ports = {port("open1", "open", "10.0.2.21"), port("open2", "open", "10.0.2.22"),
                  port("shut1", "shut", "10.0.3.21"), port("shut2", "shut", "10.0.3.22"),
                  port("mute1", "mute", "10.0.4.21"), port("mute2", "mute", "10.0.4.22"),
                  port("cell1", "cell", "10.0.5.21"), port("cell2", "cell", "10.0.5.22")};
    apply(lab_);
    other_ = spec("other");
    other_.bridges = {bridge("open", "10.0.7.1/24", Policy::host_access)};
    other_.ports = {port("other1", "open", "10.0.7.21")};
    apply(other_);
    for (const auto& port : lab_.ports) guests_[port.machine] = machine(lab_, port.machine);
    guests_["other1"] = machine(other_, "other1");
    for (const auto& [name, guest] : guests_) {
      machines_.add_tcp(&guest->network(), "0.0.0.0", 80, name);
      machines_.add_udp(&guest->network(), "0.0.0.0", 80, name);
    }
    machines_.start();
  }
  void TearDown() override {
    guests_.clear();
    Networks::TearDown();
  }

  const network::NetworkNamespace* in(const std::string& machine) { return &guests_.at(machine)->network(); }
  // One row for each protocol that a machine answers.
  void between(std::vector<Probe>& table, const std::string& from, const std::string& to, const std::string& address,
               bool reaches) {
    table.push_back({from + " -> " + to + ", tcp", in(from), Protocol::tcp, address, 80, to, reaches, ""});
    table.push_back({from + " -> " + to + ", udp", in(from), Protocol::udp, address, 80, to, reaches, ""});
    table.push_back({from + " -> " + to + ", icmp", in(from), Protocol::icmp, address, 0, "", reaches, ""});
  }

  NetworkSpec lab_;
  NetworkSpec other_;
  std::map<std::string, std::unique_ptr<FakeMachine>> guests_;
  Services machines_;
};

TEST_P(PolicyTable, OfMachines) {
  std::vector<Probe> table;
  between(table, "open1", "open2", "10.0.2.22", true);
  between(table, "shut1", "shut2", "10.0.3.22", true);
  between(table, "mute1", "mute2", "10.0.4.22", false);
  between(table, "cell1", "cell2", "10.0.5.22", false);
  between(table, "open1", "shut1", "10.0.3.21", false);
  between(table, "shut1", "open1", "10.0.2.21", false);
  between(table, "open1", "mute1", "10.0.4.21", false);
  between(table, "open1", "other1", "10.0.7.21", false);
  between(table, "shut1", "other1", "10.0.7.21", false);
  between(table, "other1", "open1", "10.0.2.21", false);
  EXPECT_THAT(wrong_probes(table), IsEmpty());
}

TEST_P(PolicyTable, OfTheHost) {
  std::vector<Probe> table;
  const auto tcp = [&](const std::string& from, const std::string& to, std::uint16_t port, const std::string& greeting,
                       bool reaches) {
    table.push_back({from + " -> " + to + ", tcp " + std::to_string(port), in(from), Protocol::tcp, to, port, greeting,
                     reaches, ""});
  };
  const auto icmp = [&](const std::string& from, const std::string& to, bool reaches) {
    table.push_back({from + " -> " + to + ", icmp", in(from), Protocol::icmp, to, 0, "", reaches, ""});
  };
  const auto udp = [&](const std::string& from, const std::string& to) {
    table.push_back({from + " -> " + to + ", udp 8080", in(from), Protocol::udp, to, 8080, "host", false, ""});
  };
  tcp("open1", "10.0.2.1", 80, "host", true);
  tcp("open1", "10.0.2.1", 22, "host", false);       // not among its ports
  tcp("open1", "10.0.2.1", 443, "loopback", false);  // of the host's loopback only
  tcp("mute1", "10.0.4.1", 443, "loopback", true);   // host_loopback
  tcp("mute1", "10.0.4.1", 80, "host", true);
  tcp("open1", "10.0.2.1", 8080, "host", false);
  tcp("shut1", "10.0.3.1", 80, "host", false);
  tcp("cell1", "10.0.5.1", 80, "host", false);
  icmp("open1", "10.0.2.1", true);
  icmp("shut1", "10.0.3.1", true);
  icmp("mute1", "10.0.4.1", false);
  icmp("cell1", "10.0.5.1", false);
  udp("open1", "10.0.2.1");
  // Another bridge's own address.
  for (const char* to : {"10.0.3.1", "10.0.4.1", "10.0.5.1"}) {
    tcp("open1", to, 80, "host", false);
    icmp("open1", to, false);
  }
  tcp("shut1", "10.0.2.1", 80, "host", false);
  icmp("shut1", "10.0.2.1", false);
  // Other addresses of the host, its end of the uplink among them.
  std::vector<std::string> host = {"192.0.2.10", "192.0.2.11", "127.0.0.1"};
  for (const auto& link : network::list_links())
    if (link.name.starts_with(network::uplink_prefix))
      host.push_back(network::addresses_of(link.name).at(0).address.to_string());
  for (const auto& from : {"open1", "shut1", "other1"}) {
    for (const auto& to : host) {
      if (to == "127.0.0.1") continue;  // of the machine itself
      tcp(from, to, 80, "host", false);
      icmp(from, to, false);
      udp(from, to);
    }
  }
  EXPECT_THAT(wrong_probes(table), IsEmpty());
}

TEST_P(PolicyTable, OfTheOutside) {
  std::vector<Probe> table;
  const auto all = [&](const std::string& from, const std::string& to, bool reaches) {
    table.push_back({from + " -> " + to + ", tcp", in(from), Protocol::tcp, to, 80, "outside", reaches, ""});
    table.push_back({from + " -> " + to + ", udp", in(from), Protocol::udp, to, 80, "outside", reaches, ""});
    table.push_back({from + " -> " + to + ", icmp", in(from), Protocol::icmp, to, 0, "", reaches, ""});
  };
  for (const char* to : {"203.0.113.9", "203.0.113.10", "192.0.2.1"}) {
    all("open1", to, true);
    all("mute1", to, true);
    all("shut1", to, std::string(to) == "203.0.113.9");
    all("cell1", to, false);
  }
  EXPECT_THAT(wrong_probes(table), IsEmpty());
}

// Root: by a route, as from the host itself. No root: the host knows no way. From further away nothing gets in.
TEST_P(PolicyTable, OfTheWayIn) {
  const network::NetworkNamespace host(open_file("/proc/thread-self/ns/net", O_RDONLY));
  outside().run([] { ip({"route", "add", "10.0.0.0/16", "via", "192.0.2.10"}); });
  std::vector<Probe> table;
  const auto all = [&](const std::string& name, const network::NetworkNamespace& from, const std::string& to,
                       const std::string& greeting, bool reaches) {
    table.push_back({name + " -> " + greeting + ", tcp", &from, Protocol::tcp, to, 80, greeting, reaches, ""});
    table.push_back({name + " -> " + greeting + ", icmp", &from, Protocol::icmp, to, 0, "", reaches, ""});
  };
  all("host", host, "10.0.2.21", "open1", is_root());
  all("host", host, "10.0.4.21", "mute1", is_root());
  all("host", host, "10.0.3.21", "shut1", false);
  all("host", host, "10.0.5.21", "cell1", false);
  all("host", host, "10.0.7.21", "other1", is_root());
  all("outside", outside(), "10.0.2.21", "open1", false);
  all("outside", outside(), "10.0.3.21", "shut1", false);
  EXPECT_THAT(wrong_probes(table), IsEmpty());
  // Through meros: all of them.
  for (const auto& [address, greeting] : std::map<std::string, std::string>{
           {"10.0.2.21", "open1"}, {"10.0.3.21", "shut1"}, {"10.0.4.21", "mute1"}, {"10.0.5.21", "cell1"}}) {
    const Fd socket = dial("lab", address, 80);
    wait_for(socket, POLLIN, 30'000);
    std::string text(greeting.size(), '\0');
    EXPECT_EQ(::read(socket.get(), text.data(), text.size()), static_cast<ssize_t>(greeting.size()));
    EXPECT_EQ(text, greeting);
  }
}

TEST_P(PolicyTable, OfThoseWhoPretend) {
  // An address of nobody, of another bridge, and of a constellation beside this one, from where none of them is.
  for (const char* address : {"10.9.9.9/32", "10.0.3.99/32", "10.0.7.99/32"})
    guests_["open1"]->ip({"address", "add", address, "dev", "eth0"});
  std::vector<Probe> table;
  for (const char* source : {"10.9.9.9", "10.0.3.99", "10.0.7.99"}) {
    table.push_back(
        {std::string("spoofed ") + source, in("open1"), Protocol::udp, "203.0.113.9", 80, "outside", false, source});
    table.push_back({std::string("spoofed ") + source + ", tcp", in("open1"), Protocol::tcp, "10.0.2.1", 80, "host",
                     false, source});
  }
  // The answer would never come back to who pretends: what counts is what was heard.
  table.push_back({"honest", in("open1"), Protocol::udp, "203.0.113.9", 80, "outside", true, "10.0.2.21"});
  // Two isolated peers that route through the gateway, and know each other's address as the gateway's.
  for (const auto& [from, to] : std::map<std::string, std::string>{
           {"mute1", "10.0.4.22"}, {"mute2", "10.0.4.21"}, {"cell1", "10.0.5.22"}, {"cell2", "10.0.5.21"}})
    guests_[from]->ip({"route", "add", to + "/32", "via", to.substr(0, 7) + "1"});
  between(table, "mute1", "mute2", "10.0.4.22", false);
  between(table, "cell1", "cell2", "10.0.5.22", false);
  EXPECT_THAT(wrong_probes(table), IsEmpty());
  const auto said = heard();
  EXPECT_TRUE(said.contains("honest"));
  for (const auto& words : said) EXPECT_FALSE(words.starts_with("spoofed")) << words;
}

INSTANTIATE_TEST_SUITE_P(, PolicyTable, both_callers, name_of_caller);

}  // namespace
}  // namespace meros::test
