#include "network/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>

#include <cstring>
#include <map>
#include <new>

#include "base/error.h"

namespace meros::network {
namespace {

struct FreeCache {
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
struct PutLink {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
struct FreeMessage {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
struct PutAddress {
  void operator()(nl_addr* address) const { nl_addr_put(address); }
};
using Cache = std::unique_ptr<nl_cache, FreeCache>;
using LinkObject = std::unique_ptr<rtnl_link, PutLink>;
using Message = std::unique_ptr<nl_msg, FreeMessage>;
using Address = std::unique_ptr<nl_addr, PutAddress>;

// `error` is negative, as libnl returns it.
[[noreturn]] void throw_netlink(const std::string& what, int error) {
  if (error == -NLE_PERM) throw HostError(what + ": changing network devices needs root", "run it with sudo");
  throw Error(what + ": " + nl_geterror(error));
}

bool is_absent(int error) { return error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND; }

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

template <typename Visit>
void for_each(nl_cache* cache, Visit visit) {
  for (nl_object* object = nl_cache_get_first(cache); object != nullptr; object = nl_cache_get_next(object))
    visit(object);
}

class Request {
 public:
  Request(int type, int index, unsigned flags, unsigned changed_flags)
      : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK)) {
    if (!message_) throw std::bad_alloc();
    ifinfomsg header{};
    header.ifi_index = index;
    header.ifi_flags = flags;
    header.ifi_change = changed_flags;
    if (nlmsg_append(message_.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
  }
  void put(int attribute, const void* data, std::size_t size) {
    if (nla_put(message_.get(), attribute, static_cast<int>(size), data) < 0) throw std::bad_alloc();
  }
  // Returns 0 or libnl's negative error.
  int send(nl_sock* socket) { return nl_send_sync(socket, message_.release()); }

 private:
  Message message_;
};

}  // namespace

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

std::vector<Ipv4Network> Netlink::addresses(int index) const {
  nl_cache* raw = nullptr;
  const int error = rtnl_addr_alloc_cache(socket_.get(), &raw);
  if (error < 0) throw_netlink("cannot list addresses", error);
  const Cache cache(raw);
  std::vector<Ipv4Network> addresses;
  for_each(cache.get(), [&](nl_object* object) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    if (rtnl_addr_get_ifindex(address) != index || rtnl_addr_get_family(address) != AF_INET) return;
    const nl_addr* local = rtnl_addr_get_local(address);
    if (local == nullptr || nl_addr_get_len(local) != sizeof(std::uint32_t)) return;
    std::uint32_t value = 0;
    std::memcpy(&value, nl_addr_get_binary_addr(local), sizeof value);
    addresses.push_back({{ntohl(value)}, static_cast<unsigned>(rtnl_addr_get_prefixlen(address))});
  });
  return addresses;
}

void Netlink::change(int index, const LinkChange& change, const std::string& what) const {
  const unsigned up = change.up ? IFF_UP : 0;
  Request request(RTM_SETLINK, index, up, up);
  // Without the NUL at its end that libnl's own setter sends, for the kernel counts it into the 255 bytes.
  if (change.alias) request.put(IFLA_IFALIAS, change.alias->data(), change.alias->size());
  if (change.mac) {
    nl_addr* parsed = nullptr;
    if (const int error = nl_addr_parse(change.mac->c_str(), AF_LLC, &parsed); error < 0) throw_netlink(what, error);
    const Address address(parsed);
    request.put(IFLA_ADDRESS, nl_addr_get_binary_addr(address.get()), nl_addr_get_len(address.get()));
  }
  if (change.mtu) request.put(IFLA_MTU, &*change.mtu, sizeof *change.mtu);
  if (change.master) request.put(IFLA_MASTER, &*change.master, sizeof *change.master);
  if (const int error = request.send(socket_.get()); error < 0) throw_netlink(what, error);
}

bool Netlink::remove(int index, const std::string& what) const {
  const int error = Request(RTM_DELLINK, index, 0, 0).send(socket_.get());
  if (is_absent(error)) return false;
  if (error < 0) throw_netlink(what, error);
  return true;
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
