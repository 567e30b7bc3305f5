#include "network/ipam.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"

namespace meros::network {
namespace {

// The addresses of one bridge.
class Pool {
 public:
  explicit Pool(Ipv4Network subnet) : subnet_(subnet), next_(subnet.network().value) { taken_.insert(subnet.address); }

  void take(Ipv4 address) { taken_.insert(address); }
  void remember(Ipv4 address) { remembered_.insert(address); }
  bool is_free(Ipv4 address) const { return subnet_.is_host(address) && taken_.count(address) == 0; }

  std::optional<Ipv4> lowest() {
    for (; next_ <= subnet_.broadcast().value; ++next_) {
      const Ipv4 address{static_cast<std::uint32_t>(next_)};
      if (is_free(address) && remembered_.count(address) == 0) return address;
    }
    for (const Ipv4 address : remembered_)
      if (is_free(address)) return address;
    return std::nullopt;
  }

 private:
  Ipv4Network subnet_;
  std::uint64_t next_;  // all below are taken or remembered
  std::set<Ipv4> taken_;
  std::set<Ipv4> remembered_;
};

}  // namespace

Addresses addresses_of_ports(const NetworkSpec& recorded) {
  Addresses addresses;
  for (const auto& port : recorded.ports)
    if (port.address) addresses[{port.machine, port.bridge}] = *port.address;
  return addresses;
}

std::vector<PortSpec> with_addresses(const NetworkSpec& spec, const Addresses& remembered) {
  std::map<std::string, Pool> pools;
  for (const auto& bridge : spec.bridges)
    if (bridge.subnet) pools.emplace(bridge.name, Pool(*bridge.subnet));
  const auto pool_of = [&](const std::string& bridge) {
    const auto found = pools.find(bridge);
    return found == pools.end() ? nullptr : &found->second;
  };
  auto ports = spec.ports;
  for (const auto& port : ports)
    if (Pool* pool = pool_of(port.bridge); pool != nullptr && port.address) pool->take(*port.address);
  for (const auto& [key, address] : remembered)
    if (Pool* pool = pool_of(key.second)) pool->remember(address);

  // The remembered ones first, so that a new machine never takes an old one's.
  for (auto& port : ports) {
    Pool* pool = pool_of(port.bridge);
    const auto known = remembered.find({port.machine, port.bridge});
    if (pool == nullptr || port.address || known == remembered.end() || !pool->is_free(known->second)) continue;
    port.address = known->second;
    pool->take(known->second);
  }
  for (auto& port : ports) {
    Pool* pool = pool_of(port.bridge);
    if (pool == nullptr || port.address) continue;
    port.address = pool->lowest();
    if (!port.address)
      throw InvalidError(fmt::format("bridge '{}' has no address left for machine '{}'", port.bridge, port.machine),
                         "give the bridge a larger subnet");
    pool->take(*port.address);
  }
  return ports;
}

}  // namespace meros::network
