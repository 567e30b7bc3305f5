#include "network/netlink.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <map>
#include <new>

#include "base/error.h"
#include "network/netlink_request.h"

namespace meros::network {
namespace {

struct PutLink {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using LinkObject = std::unique_ptr<rtnl_link, PutLink>;

Link to_link(rtnl_link* object, std::string master) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  return {.index = rtnl_link_get_ifindex(object),
          .name = text(rtnl_link_get_name(object)),
          .alias = text(rtnl_link_get_ifalias(object)),
          .kind = text(rtnl_link_get_type(object)),
          .master = std::move(master),
          .up = (rtnl_link_get_flags(object) & IFF_UP) != 0,
          .mtu = rtnl_link_get_mtu(object)};
}

LinkObject get_link(nl_sock* socket, int index, const char* name) {
  rtnl_link* object = nullptr;
  const int error = rtnl_link_get_kernel(socket, index, name, &object);
  if (is_absent(error)) return nullptr;
  if (error < 0) throw_netlink("cannot look at a network device", error);
  return LinkObject(object);
}

}  // namespace

void throw_netlink(const std::string& what, int error) {
  if (error == -NLE_PERM) throw HostError(what + ": changing network devices needs root", "run it with sudo");
  throw Error(what + ": " + nl_geterror(error));
}

void LinkRequest::put_mac(const std::string& mac, const std::string& what) {
  struct Put {
    void operator()(nl_addr* address) const { nl_addr_put(address); }
  };
  nl_addr* parsed = nullptr;
  if (const int error = nl_addr_parse(mac.c_str(), AF_LLC, &parsed); error < 0) throw_netlink(what, error);
  const std::unique_ptr<nl_addr, Put> address(parsed);
  put(IFLA_ADDRESS, nl_addr_get_binary_addr(address.get()), nl_addr_get_len(address.get()));
}

void Netlink::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Netlink::Netlink() : socket_(nl_socket_alloc()) {
  if (!socket_) throw std::bad_alloc();
  const int error = nl_connect(socket_.get(), NETLINK_ROUTE);
  if (error < 0) throw_netlink("cannot open a netlink socket", error);
}

std::vector<Link> Netlink::links() const {
  nl_cache* raw = nullptr;
  const int error = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &raw);
  if (error < 0) throw_netlink("cannot list network devices", error);
  const Cache cache(raw);
  std::map<int, std::string> names;
  for_each(cache.get(), [&](nl_object* object) {
    auto* link = reinterpret_cast<rtnl_link*>(object);
    names[rtnl_link_get_ifindex(link)] = rtnl_link_get_name(link);
  });
  std::vector<Link> links;
  for_each(cache.get(), [&](nl_object* object) {
    auto* link = reinterpret_cast<rtnl_link*>(object);
    const auto master = names.find(rtnl_link_get_master(link));
    links.push_back(to_link(link, master == names.end() ? "" : master->second));
  });
  return links;
}

std::optional<Link> Netlink::link(const std::string& name) const {
  const LinkObject object = get_link(socket_.get(), 0, name.c_str());
  if (!object) return std::nullopt;
  std::string master;
  if (const int index = rtnl_link_get_master(object.get()); index != 0) {
    if (const LinkObject bridge = get_link(socket_.get(), index, nullptr)) master = rtnl_link_get_name(bridge.get());
  }
  return to_link(object.get(), master);
}

namespace {

// IFLA_LINKINFO { IFLA_INFO_DATA { IFLA_TUN_OWNER } }, linux/if_link.h.
int take_owner(nl_msg* message, void* argument) {
  auto& owner = *static_cast<std::optional<uid_t>*>(argument);
  nlattr* info = nlmsg_find_attr(nlmsg_hdr(message), sizeof(ifinfomsg), IFLA_LINKINFO);
  nlattr* data =
      info == nullptr ? nullptr : nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_DATA);
  nlattr* found =
      data == nullptr ? nullptr : nla_find(static_cast<nlattr*>(nla_data(data)), nla_len(data), IFLA_TUN_OWNER);
  if (found != nullptr && nla_len(found) == sizeof(std::uint32_t)) owner = nla_get_u32(found);
  return NL_OK;
}

}  // namespace

std::optional<uid_t> Netlink::tap_owner(int index) const {
  std::optional<uid_t> owner;
  nl_cb* callbacks = nl_cb_alloc(NL_CB_DEFAULT);
  if (callbacks == nullptr) throw std::bad_alloc();
  const std::unique_ptr<nl_cb, decltype([](nl_cb* held) { nl_cb_put(held); })> owned(callbacks);
  nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, take_owner, &owner);
  LinkRequest request(RTM_GETLINK, index, 0, 0);
  int error = nl_send_auto(socket_.get(), request.get());
  if (error >= 0) error = nl_recvmsgs(socket_.get(), callbacks);  // the device
  if (error >= 0) error = nl_wait_for_ack(socket_.get());
  if (error < 0 && !is_absent(error)) throw_netlink("cannot ask for the owner of a TAP", error);
  return owner;
}

void Netlink::change(int index, const LinkChange& change, const std::string& what) const {
  const unsigned up = change.up ? IFF_UP : 0;
  LinkRequest request(RTM_SETLINK, index, up, up);
  // Without the NUL at its end that libnl's own setter sends, for the kernel counts it into the 255 bytes.
  if (change.alias) request.put(IFLA_IFALIAS, change.alias->data(), change.alias->size());
  if (change.mac) request.put_mac(*change.mac, what);
  if (change.mtu) request.put(IFLA_MTU, &*change.mtu, sizeof *change.mtu);
  if (change.master) request.put(IFLA_MASTER, &*change.master, sizeof *change.master);
  if (const int error = request.send(socket_.get()); error < 0) throw_netlink(what, error);
}

bool Netlink::remove(int index, const std::string& what) const {
  const int error = LinkRequest(RTM_DELLINK, index, 0, 0).send(socket_.get());
  if (is_absent(error)) return false;
  if (error < 0) throw_netlink(what, error);
  return true;
}

void Netlink::add_bridge(const std::string& name, const std::string& mac, unsigned mtu, const std::string& what) const {
  LinkRequest request(RTM_NEWLINK, 0, 0, 0, NLM_F_CREATE | NLM_F_EXCL);
  request.put(IFLA_IFNAME, name);
  request.put_mac(mac, what);
  request.put(IFLA_MTU, &mtu, sizeof mtu);
  {
    const auto info = request.nest(IFLA_LINKINFO);
    request.put(IFLA_INFO_KIND, std::string("bridge"));
  }
  if (const int error = request.send(socket_.get()); error < 0) throw_netlink(what, error);
}

void Netlink::add_veth(const VethEnd& here, const VethEnd& there, const Fd& other_namespace,
                       const std::string& what) const {
  LinkRequest request(RTM_NEWLINK, 0, 0, 0, NLM_F_CREATE | NLM_F_EXCL);
  const auto put_end = [&](const VethEnd& end) {
    request.put(IFLA_IFNAME, end.name);
    request.put_mac(end.mac, what);
    request.put(IFLA_MTU, &end.mtu, sizeof end.mtu);
  };
  put_end(here);
  {
    const auto info = request.nest(IFLA_LINKINFO);
    request.put(IFLA_INFO_KIND, std::string("veth"));
    const auto data = request.nest(IFLA_INFO_DATA);
    const auto peer = request.nest(VETH_INFO_PEER);
    request.append(ifinfomsg{});
    put_end(there);
    const auto descriptor = static_cast<std::uint32_t>(other_namespace.get());
    request.put(IFLA_NET_NS_FD, &descriptor, sizeof descriptor);
  }
  if (const int error = request.send(socket_.get()); error < 0) throw_netlink(what, error);
}

void Netlink::set_isolated(int index, bool isolated, const std::string& what) const {
  LinkRequest request(RTM_SETLINK, index, 0, 0, 0, AF_BRIDGE);
  {
    const auto port = request.nest(IFLA_PROTINFO | NLA_F_NESTED);
    const std::uint8_t value = isolated ? 1 : 0;
    request.put(IFLA_BRPORT_ISOLATED, &value, sizeof value);
  }
  if (const int error = request.send(socket_.get()); error < 0) throw_netlink(what, error);
}

std::vector<Link> list_links() { return Netlink().links(); }

std::optional<Link> find_link(const std::string& name) {
  if (name.empty() || name.size() > max_interface_name) return std::nullopt;
  return Netlink().link(name);
}

std::vector<Ipv4Network> addresses_of(const std::string& interface) {
  const Netlink netlink;
  const auto link = interface.size() > max_interface_name ? std::nullopt : netlink.link(interface);
  if (!link) throw NotFoundError("network interface '" + interface + "' does not exist");
  return netlink.addresses(link->index);
}

}  // namespace meros::network
