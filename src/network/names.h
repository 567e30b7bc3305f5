// Names of what one constellation's network has on the host. Pure: the hash of its directory tells them apart from
// those of other data directories, and anybody can find them again after a crash.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace meros::network {

struct Names {
  std::string identity;                              // hashed into all of them: the directory, absolute and normal
  std::string network;                               // of the namespace, as `ip netns` shows it: "meros-lab-1a2b3c4d"
  std::string uplink;                                // the host's end of the uplink: "mrs" and 12 digits
  std::string table;                                 // the host's nftables table, of the family inet
  std::string alias;                                 // of the links
  std::string joint(std::string_view bridge) const;  // the host's end of the veth that joins a bridge of the host
};
// `directory` is the holder's: data/networks/<constellation>.
Names names_of(const std::filesystem::path& directory);

// All host ends of uplinks begin so, of whatever data directory: nothing goes from one to another.
constexpr auto uplink_prefix = "mrs";

// Inside the namespace.
constexpr auto inside_uplink = "uplink";

// A locally administered MAC from a hash: the same thing always has the same.
std::string stable_mac(std::string_view identity);

}  // namespace meros::network
