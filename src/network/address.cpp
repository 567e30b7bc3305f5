#include "network/address.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <bit>

#include "base/error.h"
#include "base/text.h"

namespace meros::network {
namespace {

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::string format_mac(const std::array<std::uint8_t, 6>& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

std::optional<std::array<std::uint8_t, 6>> try_parse_mac(std::string_view text) {
  std::array<std::uint8_t, 6> mac{};
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const auto high = hex_digit(text[3 * i]);
    const auto low = hex_digit(text[3 * i + 1]);
    if (!high || !low || (i < 5 && text[3 * i + 2] != ':')) return std::nullopt;
    mac[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return mac;
}

}  // namespace

std::string Ipv4::to_string() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff);
}

std::optional<Ipv4> try_parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  Ipv4 address;
  for (const std::string& part : parts) {
    const auto byte = parse_unsigned(part);
    // A leading zero is refused: to some programs 010 is ten, to others eight.
    if (!byte || *byte > 255 || part.size() > 3 || (part.size() > 1 && part.front() == '0')) return std::nullopt;
    address.value = address.value << 8 | static_cast<std::uint32_t>(*byte);
  }
  return address;
}

Ipv4 parse_ipv4(std::string_view text, std::string_view what) {
  if (const auto address = try_parse_ipv4(text)) return *address;
  throw InvalidError(fmt::format("{} '{}' is not an IPv4 address", what, text),
                     "write four numbers from 0 to 255, as in 10.0.2.15");
}

std::uint32_t Ipv4Network::mask() const { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

bool Ipv4Network::is_host(Ipv4 other) const {
  if (!contains(other)) return false;
  return prefix >= 31 || (other != network() && other != broadcast());
}

std::string Ipv4Network::to_string() const { return fmt::format("{}/{}", address.to_string(), prefix); }

Ipv4Network parse_ipv4_network(std::string_view text, std::string_view what) {
  const auto slash = text.find('/');
  const auto address = try_parse_ipv4(text.substr(0, slash));
  const auto digits = slash == std::string_view::npos ? std::string_view{} : text.substr(slash + 1);
  const auto prefix = parse_unsigned(digits);
  if (address && prefix && *prefix <= 32 && (digits.size() == 1 || digits.front() != '0'))
    return {*address, static_cast<unsigned>(*prefix)};
  throw InvalidError(fmt::format("{} '{}' is not an address with the size of its subnet", what, text),
                     "write it as 10.0.2.1/24");
}

unsigned prefix_of_netmask(std::string_view netmask) {
  const auto mask = try_parse_ipv4(netmask);
  const auto ones = mask ? std::countl_one(mask->value) : 0;
  if (mask && ones == std::popcount(mask->value)) return static_cast<unsigned>(ones);
  throw InvalidError(fmt::format("netmask '{}' is not a netmask", netmask), "write it as in 255.255.255.0");
}

std::string parse_mac(std::string_view text, std::string_view what) {
  const auto mac = try_parse_mac(text);
  if (!mac)
    throw InvalidError(fmt::format("{} '{}' is not a MAC address", what, text),
                       "write six bytes in hexadecimal, as in 02:00:00:00:00:01");
  if ((mac->front() & 1) != 0)
    throw InvalidError(fmt::format("{} '{}' is a multicast address", what, text),
                       "the first byte must be even, as in 02:00:00:00:00:01");
  if (*mac == std::array<std::uint8_t, 6>{})
    throw InvalidError(fmt::format("{} '{}' is all zero", what, text), "write one like 02:00:00:00:00:01");
  return format_mac(*mac);
}

std::string random_mac() {
  std::array<std::uint8_t, 6> mac{};
  // Up to 256 bytes come whole and uninterrupted once the source is ready (getrandom(2)).
  if (::getrandom(mac.data(), mac.size(), 0) != static_cast<ssize_t>(mac.size()))
    throw_errno("cannot get random bytes for a MAC address");
  mac.front() = static_cast<std::uint8_t>((mac.front() & 0xfc) | 2);  // not multicast, locally administered
  return format_mac(mac);
}

}  // namespace meros::network
