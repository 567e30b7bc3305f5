// Networks that change while machines run in them.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "integration/network/lab.h"
#include "network/netlink.h"
#include "support/wait.h"

namespace meros::test {
namespace {

using network::Policy;
using testing::HasSubstr;
using testing::IsEmpty;

class Changes : public Lab {};
class ChangesByRoot : public Lab {};

// Two ends of a TCP connection between namespaces.
struct Stream {
  Fd client;
  Fd server;
};

Stream stream_between(const network::NetworkNamespace& from, const network::NetworkNamespace& to,
                      const std::string& address, std::uint16_t port) {
  const auto local = [&](sockaddr_in& name) {
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(network::parse_ipv4(address, "address").value);
  };
  const Fd listener = to.run([&] {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    local(name);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(fd.get(), 1) != 0)
      throw_errno("listen");
    return fd;
  });
  Stream stream;
  stream.client = from.run([&] { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  sockaddr_in name{};
  local(name);
  if (::connect(stream.client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    throw_errno("connect");
  if (wait_for(listener, POLLIN, 30'000) == 0) throw Error("nobody came");
  stream.server = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return stream;
}

// Whether what is written at one end comes out at the other in time.
bool carries(const Fd& from, const Fd& to, int milliseconds) {
  if (::send(from.get(), "!", 1, MSG_NOSIGNAL) != 1) return false;
  if (wait_for(to, POLLIN, milliseconds) == 0) return false;
  char byte = 0;
  return ::read(to.get(), &byte, 1) == 1;
}

constexpr int plenty = 30'000;
constexpr int a_while = 700;  // much more than a packet takes here

TEST_P(Changes, KeepWhatIsStillAllowed) {
  apply(lab_);
  start_machines(lab_);
  const Stream stream = stream_between(in("web"), outside(), "203.0.113.9", 5000);
  const Fd service = greeted_connection(in("web"), "10.0.2.1", 80, "host");
  ASSERT_TRUE(carries(stream.client, stream.server, plenty));
  lab_.bridges.push_back(bridge("more", "10.0.3.1/24", Policy::isolated));
  lab_.bridges[0].allowed_ports = {22, 80};
  lab_.ports.push_back(port("new", "more", "10.0.3.21"));
  apply(lab_);
  EXPECT_TRUE(carries(stream.client, stream.server, plenty));
  EXPECT_TRUE(carries(stream.server, stream.client, plenty));
  EXPECT_EQ(wait_for(service, POLLIN, 0), 0) << "the relayed connection was closed";
  EXPECT_TRUE(greeted_connection(in("web"), "10.0.2.1", 22, "host"));
}

TEST_P(Changes, EndTheFlowsThatAreNotAllowedAnyMore) {
  apply(lab_);
  start_machines(lab_);
  const Stream stream = stream_between(in("web"), outside(), "203.0.113.10", 5000);
  const Stream kept = stream_between(in("web"), outside(), "203.0.113.9", 5000);
  const Fd service = greeted_connection(in("web"), "10.0.2.1", 80, "host");
  ASSERT_TRUE(carries(stream.client, stream.server, plenty));
  lab_.bridges[0].policy = Policy::isolated;
  lab_.bridges[0].allowed_ips = {network::parse_ipv4_network("203.0.113.9/32", "")};
  apply(lab_);
  EXPECT_FALSE(carries(stream.client, stream.server, a_while));
  EXPECT_FALSE(carries(stream.server, stream.client, a_while));
  EXPECT_TRUE(carries(kept.client, kept.server, plenty));
  char byte = 0;
  EXPECT_NE(wait_for(service, POLLIN, plenty), 0);
  EXPECT_LE(::read(service.get(), &byte, 1), 0) << "the relayed connection goes on";
  EXPECT_TRUE(is_kept_from("web", "10.0.2.1", 80, "host"));
}

TEST_P(Changes, IsolatePeersThatTalk) {
  apply(lab_);
  start_machines(lab_);
  const Stream stream = stream_between(in("web"), in("db"), "10.0.2.22", 5000);
  ASSERT_TRUE(carries(stream.client, stream.server, plenty));
  lab_.bridges[0].peer_isolation = true;
  apply(lab_);
  EXPECT_FALSE(carries(stream.client, stream.server, a_while));
  lab_.bridges[0].peer_isolation = false;
  apply(lab_);
  EXPECT_TRUE(carries(stream.client, stream.server, plenty));
}

TEST_P(Changes, RemoveWhatIsNotWantedAnyMore) {
  lab_.bridges.push_back(bridge("more", "10.0.3.1/24", Policy::isolated));
  lab_.ports.push_back(port("new", "more", "10.0.3.21"));
  apply(lab_);
  lab_.bridges.pop_back();
  lab_.ports.pop_back();
  lab_.ports.pop_back();
  apply(lab_);
  std::set<std::string> links;
  for (const auto& link : network_of("lab").run([] { return network::list_links(); })) links.insert(link.name);
  EXPECT_TRUE(links.contains("open"));
  EXPECT_TRUE(links.contains("web-tap"));
  EXPECT_FALSE(links.contains("db-tap"));
  EXPECT_FALSE(links.contains("more"));
  EXPECT_FALSE(links.contains("new-tap"));
  EXPECT_THAT(servants("lab", "dnsmasq"), testing::SizeIs(1));
}

TEST_P(Changes, AreTakenBackWhenTheyFail) {
  apply(lab_);
  start_machines(lab_);
  auto wrong = lab_;
  wrong.bridges.push_back(bridge("nowhere", "10.0.3.1/24", Policy::host_access));
  wrong.bridges.back().auto_create = false;
  wrong.bridges[0].allowed_ports = {22};
  try {
    apply(wrong);
    FAIL() << "it was applied";
  } catch (const NotFoundError& e) {
    EXPECT_TRUE(is_root());
    EXPECT_EQ(e.message(), "bridge 'nowhere' does not exist on the host");
  } catch (const HostError& e) {
    EXPECT_FALSE(is_root());
    EXPECT_EQ(e.message(), "joining a bridge of the host (auto_create: false) needs root");
  }
  auto recorded = network::recorded_network(directory("lab"));
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->bridges, lab_.bridges);
  EXPECT_TRUE(greeted_connection(in("web"), "10.0.2.1", 80, "host"));
  EXPECT_TRUE(reaches_outside("web"));
  EXPECT_THAT(status("lab").problems, IsEmpty());
}

TEST_P(Changes, OfNothingLeaveNothingWhenTheyFail) {
  lab_.bridges[0].auto_create = false;
  lab_.bridges[0].name = "nowhere";
  for (auto& port : lab_.ports) port.bridge = "nowhere";
  EXPECT_THROW(apply(lab_), Error);
  EXPECT_FALSE(network::recorded_network(directory("lab")));
}

TEST_P(ChangesByRoot, GiveATapToAnotherUser) {
  const auto owner = [&] {
    return network_of("lab").run([] {
      const network::Netlink netlink;
      return netlink.tap_owner(netlink.link("web-tap")->index);
    });
  };
  apply(lab_);
  EXPECT_EQ(owner(), 0U);
  lab_.ports[0].owner_uid = 12'345;
  apply(lab_);
  EXPECT_EQ(owner(), 12'345U);
}

INSTANTIATE_TEST_SUITE_P(, ChangesByRoot, testing::Values(network::Rights::root), name_of_caller);
INSTANTIATE_TEST_SUITE_P(, Changes, both_callers, name_of_caller);

}  // namespace
}  // namespace meros::test
