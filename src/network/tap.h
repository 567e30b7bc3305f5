// TAP devices and the bridges they join, through netlink.
//
// Everything works in the network namespace of the calling thread. Needs CAP_NET_ADMIN there: without it HostError.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "network/address.h"

namespace meros::network {

constexpr std::size_t max_interface_name = 15;  // IFNAMSIZ - 1, linux/if.h

struct TapSettings {
  std::string name;
  uid_t owner_uid = 0;  // who may open it: the user that the VMM runs as
  std::string alias;    // who it is for, as `ip link` shows it (at most 255 bytes, IFALIASZ - 1)
  std::string bridge;   // joined, unless empty
  bool proxy_arp = false;
  bool disable_ipv6 = false;
};

// Makes a persistent TAP, or brings an existing one of the same alias to these settings, attaches it to its bridge, and
// sets it up. On any error nothing is left of a device that was made here.
// BusyError: the name belongs to something else. NotFoundError: there is no such bridge. InvalidError: a bad name.
void ensure_tap(const TapSettings& settings);

// Puts `alias` on a TAP that has none, as another program makes them. No effect where there is no such TAP, or where it
// has an alias.
void claim_tap(const std::string& name, const std::string& alias);

// Removes it if it exists and its alias is `alias`; returns whether it was there. BusyError for another's device.
bool remove_tap(const std::string& name, const std::string& alias);

struct Link {
  int index;
  std::string name;
  std::string alias;
  std::string kind;    // "tun", "bridge", "veth", "" …
  std::string master;  // the bridge's name, or ""
  bool up;
  unsigned mtu = 0;
};
std::vector<Link> list_links();
std::optional<Link> find_link(const std::string& name);

// The IPv4 addresses of an interface. NotFoundError when there is no such interface.
std::vector<Ipv4Network> addresses_of(const std::string& interface);

// Opens an existing TAP through /dev/net/tun (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR). BusyError when it is in use.
Fd open_tap(const std::string& name);

// A name from `label` where it fits, else `prefix` + a hash of `identity`; always at most 15 bytes.
std::string tap_name(std::string_view prefix, std::string_view label, std::string_view identity);

}  // namespace meros::network
