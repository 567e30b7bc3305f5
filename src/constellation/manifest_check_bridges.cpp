#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "constellation/manifest_check.h"
#include "network/names.h"
#include "network/tap.h"

namespace meros::constellation {
namespace {

using network::Ipv4Network;

constexpr unsigned widest_prefix = 8;
constexpr unsigned narrowest_prefix = 30;  // /31 has no room for a bridge, a machine and a broadcast

struct Special {
  Ipv4Network range;
  std::string_view what;
};

constexpr network::Ipv4 ipv4(std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0, std::uint32_t d = 0) {
  return {a << 24 | b << 16 | c << 8 | d};
}

bool overlap(const Ipv4Network& a, const Ipv4Network& b) {
  return a.network() <= b.broadcast() && b.network() <= a.broadcast();
}

// RFC 6890: ranges that no network of machines can have.
const Special* special_range(const Ipv4Network& subnet) {
  static constexpr std::array ranges = {
      Special{{ipv4(0), 8}, "'this network'"},
      Special{{ipv4(127), 8}, "for loopback"},
      Special{{ipv4(169, 254), 16}, "for link-local addresses"},
      Special{{ipv4(224), 4}, "for multicast"},
      Special{{ipv4(240), 4}, "reserved"},
  };
  const auto found =
      std::find_if(ranges.begin(), ranges.end(), [&](const Special& s) { return overlap(s.range, subnet); });
  return found == ranges.end() ? nullptr : found;
}

// RFC 1918, RFC 6598, RFC 2544, RFC 5737: nobody on the internet has an address there.
bool is_private(const Ipv4Network& subnet) {
  constexpr std::array<Ipv4Network, 8> ranges = {{{ipv4(10), 8},
                                                  {ipv4(172, 16), 12},
                                                  {ipv4(192, 168), 16},
                                                  {ipv4(100, 64), 10},
                                                  {ipv4(198, 18), 15},
                                                  {ipv4(192, 0, 2), 24},
                                                  {ipv4(198, 51, 100), 24},
                                                  {ipv4(203, 0, 113), 24}}};
  return std::any_of(ranges.begin(), ranges.end(), [&](const Ipv4Network& range) {
    return range.prefix <= subnet.prefix && range.contains(subnet.address);
  });
}

std::string range_of(const Ipv4Network& subnet) { return Ipv4Network{subnet.network(), subnet.prefix}.to_string(); }

void check_name_of(Reading& reading, const Bridge& bridge) {
  constexpr std::array reserved = {"lo", "all", "default"};  // of the kernel's own: net/ipv4/devinet.c
  if (std::find(reserved.begin(), reserved.end(), bridge.name) != reserved.end())
    return reading.error(bridge.written.at, fmt::format("a bridge cannot be called {}", in_quotes(bridge.name)),
                         "the kernel keeps that name for itself");
  if (bridge.name == network::inside_uplink)
    return reading.error(bridge.written.at, fmt::format("a bridge cannot be called {}", in_quotes(bridge.name)),
                         "that is the way out of a constellation's network");
  if (!is_valid_name(bridge.name))
    return reading.error(bridge.written.at, fmt::format("the name of bridge {} is not valid", in_quotes(bridge.name)),
                         "use 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit");
  if (bridge.name.size() > network::max_interface_name)
    reading.error(bridge.written.at, fmt::format("the kernel can have no bridge {}", in_quotes(bridge.name)),
                  fmt::format("names of interfaces have at most {} characters", network::max_interface_name));
}

void check_subnet(Reading& reading, Bridge& bridge) {
  const Position at = bridge.written.of("subnet");
  if (!bridge.subnet) {
    if (bridge.auto_create && !bridge.written.has("subnet"))
      reading.error(at, "'subnet' is missing",
                    "the bridge's own address and the size of the subnet, as in 10.0.2.1/24");
    return;
  }
  Ipv4Network& subnet = *bridge.subnet;
  if (subnet.prefix < widest_prefix || subnet.prefix > narrowest_prefix) {
    reading.error(at, fmt::format("a subnet of /{} makes no sense", subnet.prefix),
                  fmt::format("its size goes from /{} to /{}", widest_prefix, narrowest_prefix));
    bridge.subnet.reset();
    return;
  }
  if (const Special* special = special_range(subnet)) {
    reading.error(
        at, fmt::format("{} overlaps {}, which is {}", range_of(subnet), special->range.to_string(), special->what),
        "take one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
    bridge.subnet.reset();
    return;
  }
  if (subnet.address == subnet.broadcast())
    reading.error(
        at, fmt::format("{} is the broadcast address of its subnet", subnet.address.to_string()),
        fmt::format("the bridge could be {}", Ipv4Network{{subnet.network().value + 1}, subnet.prefix}.to_string()));
  // Many write the subnet where its gateway is asked for.
  if (subnet.address == subnet.network()) subnet.address.value += 1;
  if (bridge.auto_create && !is_private(subnet))
    reading.warn(at, fmt::format("{} is not private", range_of(subnet)),
                 "what has these addresses on the internet cannot be reached from here");
}

// The policy of a bridge that is made here.
void check_policy(Reading& reading, const Bridge& bridge) {
  const Written& written = bridge.written;
  if (bridge.policy == Policy::isolated) {
    for (const std::string_view field : {"allowed_ports", "host_loopback"})
      if (written.has(field) && (field == "allowed_ports" ? !bridge.allowed_ports.empty() : bridge.host_loopback))
        reading.warn(written.of(field), fmt::format("'{}' has no effect on an isolated bridge", field),
                     "its machines never reach a service of the host; with policy_type host-access they do");
    return;
  }
  if (!bridge.allowed_ips.empty())
    reading.warn(written.of("allowed_ips"), "'allowed_ips' has no effect with policy_type host-access",
                 "its machines reach every address outside; with policy_type isolated only these");
  if (bridge.host_loopback && bridge.allowed_ports.empty())
    reading.warn(written.of("host_loopback"), "'host_loopback' has no effect without 'allowed_ports'");
}

void check_foreign_bridge(Reading& reading, const Bridge& bridge) {
  for (const std::string_view field :
       {"policy_type", "allowed_ports", "allowed_ips", "allow_icmp", "peer_isolation", "host_loopback"})
    if (bridge.written.has(field))
      reading.error(bridge.written.of(field), fmt::format("'{}' cannot be set for a bridge of the host", field),
                    "with auto_create: false the bridge is joined as it is; leave the policy out");
}

void check_overlaps(Reading& reading, const std::vector<Bridge>& bridges) {
  std::vector<const Bridge*> sorted;
  for (const auto& bridge : bridges)
    if (bridge.subnet) sorted.push_back(&bridge);
  std::sort(sorted.begin(), sorted.end(), [](const Bridge* a, const Bridge* b) {
    return std::tuple(a->subnet->network(), a->subnet->prefix) < std::tuple(b->subnet->network(), b->subnet->prefix);
  });
  // Subnets nest or are apart, so the last one that reaches furthest is enough to look at.
  const Bridge* furthest = nullptr;
  for (const Bridge* bridge : sorted) {
    if (furthest != nullptr && overlap(*furthest->subnet, *bridge->subnet)) {
      const bool in_order = furthest->written.at < bridge->written.at;
      const Bridge& first = in_order ? *furthest : *bridge;
      const Bridge& second = in_order ? *bridge : *furthest;
      reading.error(second.written.of("subnet"),
                    fmt::format("subnet {} overlaps {} of bridge {}", range_of(*second.subnet), range_of(*first.subnet),
                                in_quotes(first.name)),
                    fmt::format("that one is in line {}", first.written.of("subnet").line));
    }
    if (furthest == nullptr || bridge->subnet->broadcast() > furthest->subnet->broadcast()) furthest = bridge;
  }
}

}  // namespace

void check_bridges(Reading& reading, std::vector<Bridge>& bridges) {
  for (auto& bridge : bridges) {
    check_name_of(reading, bridge);
    check_subnet(reading, bridge);
    if (bridge.auto_create)
      check_policy(reading, bridge);
    else
      check_foreign_bridge(reading, bridge);
  }
  check_overlaps(reading, bridges);
}

}  // namespace meros::constellation
