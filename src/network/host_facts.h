// The host's own network, as far as a constellation's depends on it, and word when it changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "network/netlink.h"

namespace meros::network {

struct WayOut {
  std::string link;  // that the default route leaves by
  Ipv4 source;       // the address that the host has there
  unsigned mtu;
  bool operator==(const WayOut&) const = default;
};

struct HostFacts {
  std::vector<Ipv4Network> addresses;  // all but those of lo
  std::vector<Route> routes;           // all but the default routes
  std::vector<Ipv4Network> uplinked;   // what is reached through uplinks of ours, of whatever constellation
  std::optional<WayOut> way_out;       // nothing: no default route
  // Where services of the host are reached that do not listen on its loopback only.
  std::optional<Ipv4> service_address;
  bool operator==(const HostFacts&) const = default;
};

// Of the network namespace that the calling thread is in.
HostFacts look_at_host();

// Readable whenever an address or a route of the namespace, that it was made in, may have changed.
class HostWatch {
 public:
  HostWatch();
  const Fd& fd() const { return fd_; }
  void drain() const;

 private:
  Fd fd_;
};

}  // namespace meros::network
