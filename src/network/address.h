// IPv4 and MAC addresses as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meros::network {

struct Ipv4 {
  std::uint32_t value = 0;                        // host byte order
  auto operator<=>(const Ipv4&) const = default;  // NOLINT(modernize-use-nullptr): the zero is the compiler's
  std::string to_string() const;
};
// Dotted quad only; InvalidError names `what` and the text.
Ipv4 parse_ipv4(std::string_view text, std::string_view what);
std::optional<Ipv4> try_parse_ipv4(std::string_view text);

// An address and the size of its subnet: "10.0.2.1/24".
struct Ipv4Network {
  Ipv4 address;
  unsigned prefix = 32;
  auto operator<=>(const Ipv4Network&) const = default;
  std::uint32_t mask() const;
  Ipv4 netmask() const { return {mask()}; }
  Ipv4 network() const { return {address.value & mask()}; }
  Ipv4 broadcast() const { return {address.value | ~mask()}; }
  bool contains(Ipv4 other) const { return (other.value & mask()) == (address.value & mask()); }
  // An address that a machine can have: inside, neither the network's nor the broadcast address (/31 and /32: any).
  bool is_host(Ipv4 other) const;
  std::string to_string() const;
};
Ipv4Network parse_ipv4_network(std::string_view text, std::string_view what);
// 255.255.255.0 -> 24; InvalidError for a mask with holes.
unsigned prefix_of_netmask(std::string_view netmask);

// Six bytes in lower-case hexadecimal with colons. InvalidError for anything else, for multicast and for all zero.
std::string parse_mac(std::string_view text, std::string_view what);
// Locally administered, unicast, from the kernel's random source.
std::string random_mac();

}  // namespace meros::network
