// Links, addresses and routes of one network namespace, over one rtnetlink socket. Only netlink*.cpp know libnl.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network/tap.h"

struct nl_sock;

namespace meros::network {

// What to change of a link; what is absent stays.
struct LinkChange {
  std::optional<std::string> alias = {};
  std::optional<std::string> mac = {};
  std::optional<unsigned> mtu = {};
  std::optional<int> master = {};  // the index of the bridge to join
  bool up = false;                 // true: set up
};

struct VethEnd {
  std::string name;
  std::string mac;
  unsigned mtu;
};

// Of the main table, IPv4, unicast, its first next hop.
struct Route {
  Ipv4Network to;  // prefix 0: the default route
  Ipv4 via;        // 0: the link itself
  int link = 0;
  unsigned metric = 0;
  bool operator==(const Route&) const = default;
};

class Netlink {
 public:
  // The socket belongs to the network namespace that the calling thread is in now, wherever the thread goes later.
  Netlink();

  std::vector<Link> links() const;
  // Nothing when there is none of this name.
  std::optional<Link> link(const std::string& name) const;
  // IPv4, of one link; 0: of all.
  std::vector<Ipv4Network> addresses(int index) const;
  std::vector<Route> routes() const;

  // Who may open a TAP, as our user namespace counts; nothing when anybody may, or when it is no TAP.
  std::optional<uid_t> tap_owner(int index) const;

  // `what` begins the error's message. HostError without CAP_NET_ADMIN.
  void change(int index, const LinkChange& change, const std::string& what) const;
  // False when it is gone already.
  bool remove(int index, const std::string& what) const;

  void add_bridge(const std::string& name, const std::string& mac, unsigned mtu, const std::string& what) const;
  // `there` is made in the other namespace.
  void add_veth(const VethEnd& here, const VethEnd& there, const Fd& other_namespace, const std::string& what) const;
  // Of a port: no frame goes from it to another isolated port of its bridge.
  void set_isolated(int index, bool isolated, const std::string& what) const;
  // Adding what is there and removing what is not are no errors.
  void add_address(int index, Ipv4Network address, const std::string& what) const;
  void remove_address(int index, Ipv4Network address, const std::string& what) const;
  void add_route(const Route& route, const std::string& what) const;
  void remove_route(const Route& route, const std::string& what) const;

 private:
  void change_route(const Route& route, int type, int flags, const std::string& what) const;
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace meros::network
