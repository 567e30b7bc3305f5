#include "network/host_facts.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "network/names.h"

namespace meros::network {
namespace {

constexpr Ipv4 somewhere{0xc6336401};  // 198.51.100.1 (RFC 5737): nothing is sent there

// The source address that the kernel would take.
std::optional<Ipv4> source_towards(Ipv4 destination) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("cannot make a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(destination.value);
  address.sin_port = htons(9);
  socklen_t size = sizeof address;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return std::nullopt;
  return Ipv4{ntohl(address.sin_addr.s_addr)};
}

bool is_ours(const Link& link) { return link.name.starts_with(uplink_prefix) && link.kind == "veth"; }

const Route* best_default(const std::vector<Route>& routes) {
  const Route* best = nullptr;
  for (const auto& route : routes)
    if (route.to.prefix == 0 && (best == nullptr || route.metric < best->metric)) best = &route;
  return best;
}

}  // namespace

HostFacts look_at_host() {
  const Netlink netlink;
  HostFacts facts;
  auto routes = netlink.routes();
  const Route* out = best_default(routes);
  for (const auto& link : netlink.links()) {
    if (link.name == "lo") continue;
    for (const auto& address : netlink.addresses(link.index)) {
      facts.addresses.push_back(address);
      if (!facts.service_address && !is_ours(link)) facts.service_address = address.address;
    }
    if (is_ours(link))
      for (const auto& route : routes)
        if (route.link == link.index && route.to.prefix > 0) facts.uplinked.push_back(route.to);
    if (out == nullptr || link.index != out->link) continue;
    if (const auto source = source_towards(somewhere)) facts.way_out = WayOut{link.name, *source, link.mtu};
  }
  if (facts.way_out) facts.service_address = facts.way_out->source;
  std::erase_if(routes, [](const Route& route) { return route.to.prefix == 0; });
  facts.routes = std::move(routes);
  return facts;
}

HostWatch::HostWatch() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  if (!fd_) throw_errno("cannot open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw_errno("cannot listen for changes of the host's network");
}

// What is read does not matter: who wants to know looks again. ENOBUFS says that much was missed.
void HostWatch::drain() const {
  std::array<char, 8192> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
  while (::recv(fd_.get(), buffer.data(), buffer.size(), 0) > 0) {
  }
}

}  // namespace meros::network
