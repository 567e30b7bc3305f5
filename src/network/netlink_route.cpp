#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <cstring>

#include "base/error.h"
#include "network/netlink.h"
#include "network/netlink_request.h"

namespace meros::network {
namespace {

// Nothing for what is no IPv4 address. A default route's has a length of 0.
std::optional<Ipv4> to_ipv4(nl_addr* address) {
  if (address == nullptr || nl_addr_get_family(address) != AF_INET) return std::nullopt;
  if (nl_addr_get_len(address) == 0) return Ipv4{};
  std::uint32_t value = 0;
  if (nl_addr_get_len(address) != sizeof value) return std::nullopt;
  std::memcpy(&value, nl_addr_get_binary_addr(address), sizeof value);
  return Ipv4{ntohl(value)};
}

std::optional<Route> to_route(rtnl_route* object) {
  if (rtnl_route_get_table(object) != RT_TABLE_MAIN || rtnl_route_get_nnexthops(object) < 1) return std::nullopt;
  if (rtnl_route_get_type(object) != RTN_UNICAST) return std::nullopt;
  nl_addr* destination = rtnl_route_get_dst(object);
  const auto to = to_ipv4(destination);
  if (!to) return std::nullopt;
  rtnl_nexthop* hop = rtnl_route_nexthop_n(object, 0);
  return Route{.to = {*to, nl_addr_get_prefixlen(destination)},
               .via = to_ipv4(rtnl_route_nh_get_gateway(hop)).value_or(Ipv4{}),
               .link = rtnl_route_nh_get_ifindex(hop),
               .metric = rtnl_route_get_priority(object)};
}

class AddressRequest : public Request {
 public:
  AddressRequest(int type, int index, Ipv4Network address, int flags) : Request(type, flags) {
    ifaddrmsg header{};
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = static_cast<unsigned char>(address.prefix);
    header.ifa_index = static_cast<unsigned>(index);
    append(header);
    const std::uint32_t value = htonl(address.address.value);
    put(IFA_LOCAL, &value, sizeof value);
    put(IFA_ADDRESS, &value, sizeof value);
    if (address.prefix < 31) {
      const std::uint32_t broadcast = htonl(address.broadcast().value);
      put(IFA_BROADCAST, &broadcast, sizeof broadcast);
    }
  }
};

}  // namespace

std::vector<Ipv4Network> Netlink::addresses(int index) const {
  nl_cache* raw = nullptr;
  const int error = rtnl_addr_alloc_cache(socket_.get(), &raw);
  if (error < 0) throw_netlink("cannot list addresses", error);
  const Cache cache(raw);
  std::vector<Ipv4Network> addresses;
  for_each(cache.get(), [&](nl_object* object) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    if ((index != 0 && rtnl_addr_get_ifindex(address) != index) || rtnl_addr_get_family(address) != AF_INET) return;
    if (const auto local = to_ipv4(rtnl_addr_get_local(address)))
      addresses.push_back({*local, static_cast<unsigned>(rtnl_addr_get_prefixlen(address))});
  });
  return addresses;
}

void Netlink::add_address(int index, Ipv4Network address, const std::string& what) const {
  AddressRequest request(RTM_NEWADDR, index, address, NLM_F_CREATE | NLM_F_EXCL);
  if (const int error = request.send(socket_.get()); error < 0 && error != -NLE_EXIST) throw_netlink(what, error);
}

void Netlink::remove_address(int index, Ipv4Network address, const std::string& what) const {
  AddressRequest request(RTM_DELADDR, index, address, 0);
  const int error = request.send(socket_.get());
  if (error < 0 && error != -NLE_NOADDR && !is_absent(error)) throw_netlink(what, error);
}

std::vector<Route> Netlink::routes() const {
  nl_cache* raw = nullptr;
  const int error = rtnl_route_alloc_cache(socket_.get(), AF_INET, 0, &raw);
  if (error < 0) throw_netlink("cannot list routes", error);
  const Cache cache(raw);
  std::vector<Route> routes;
  for_each(cache.get(), [&](nl_object* object) {
    if (const auto route = to_route(reinterpret_cast<rtnl_route*>(object))) routes.push_back(*route);
  });
  return routes;
}

void Netlink::change_route(const Route& route, int type, int flags, const std::string& what) const {
  Request request(type, flags);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = static_cast<unsigned char>(route.to.prefix);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = route.via.value == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  request.append(header);
  const std::uint32_t to = htonl(route.to.network().value);
  if (route.to.prefix > 0) request.put(RTA_DST, &to, sizeof to);
  const std::uint32_t via = htonl(route.via.value);
  if (route.via.value != 0) request.put(RTA_GATEWAY, &via, sizeof via);
  request.put(RTA_OIF, &route.link, sizeof route.link);
  const int error = request.send(socket_.get());
  if (error < 0 && error != -NLE_EXIST && error != -NLE_OBJ_NOTFOUND) throw_netlink(what, error);
}

void Netlink::add_route(const Route& route, const std::string& what) const {
  change_route(route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, what);
}

void Netlink::remove_route(const Route& route, const std::string& what) const {
  change_route(route, RTM_DELROUTE, 0, what);
}

}  // namespace meros::network
