// Links and addresses of one network namespace, over one rtnetlink socket. Only netlink.cpp knows libnl.
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

class Netlink {
 public:
  // The socket belongs to the network namespace that the calling thread is in now, wherever the thread goes later.
  Netlink();

  std::vector<Link> links() const;
  // Nothing when there is none of this name.
  std::optional<Link> link(const std::string& name) const;
  std::vector<Ipv4Network> addresses(int index) const;

  // `what` begins the error's message. HostError without CAP_NET_ADMIN.
  void change(int index, const LinkChange& change, const std::string& what) const;
  // False when it is gone already.
  bool remove(int index, const std::string& what) const;

 private:
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace meros::network
