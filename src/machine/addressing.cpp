#include "machine/addressing.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "machine/default_network.h"
#include "machine/state.h"
#include "machine/vmm_user.h"
#include "network/holder.h"
#include "network/tap.h"

namespace meros::machine {

using meros::network::Holder;

namespace {

using meros::network::Ipv4;
using meros::network::Ipv4Network;

// 02: locally administered, unicast. Hashed from who it is for, so that it stays the same and no two data directories
// meet on a host's bridge.
std::string mac_for(const std::string& identity) {
  const std::uint64_t hash = stable_hash("mac " + identity);
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", hash & 0xff, (hash >> 8) & 0xff, (hash >> 16) & 0xff,
                     (hash >> 24) & 0xff, (hash >> 32) & 0xff);
}

Ipv4Network subnet_of(const CreateRequest& request, const std::string& bridge) {
  const auto of_bridge = meros::network::addresses_of(bridge);
  if (request.gateway_ip && request.netmask)
    return {meros::network::parse_ipv4(*request.gateway_ip, "--gateway-ip"),
            meros::network::prefix_of_netmask(*request.netmask)};
  if (of_bridge.empty())
    throw InvalidError(fmt::format("bridge '{}' has no IPv4 address to take the gateway and netmask from", bridge),
                       "pass --gateway-ip and --netmask, or give the bridge an address");
  Ipv4Network subnet = of_bridge.front();
  if (request.gateway_ip) subnet.address = meros::network::parse_ipv4(*request.gateway_ip, "--gateway-ip");
  if (request.netmask) subnet.prefix = meros::network::prefix_of_netmask(*request.netmask);
  return subnet;
}

void check_guest_address(Ipv4 guest, const Ipv4Network& subnet, const std::string& bridge) {
  if (!subnet.is_host(guest))
    throw InvalidError(fmt::format("address {} is not one for a machine in the subnet {}/{}", guest.to_string(),
                                   Ipv4{subnet.network()}.to_string(), subnet.prefix),
                       "choose another --guest-ip");
  if (guest == subnet.address)
    throw BusyError(fmt::format("address {} is the gateway's", guest.to_string()), "choose another --guest-ip");
  for (const auto& own : meros::network::addresses_of(bridge)) {
    if (own.address == guest)
      throw BusyError(fmt::format("address {} is the one of bridge '{}' itself", guest.to_string(), bridge),
                      "choose another --guest-ip");
  }
  const auto addresses = meros::network::addresses_of(bridge);
  const bool inside = addresses.empty() || std::any_of(addresses.begin(), addresses.end(),
                                                       [&](const Ipv4Network& own) { return own.contains(guest); });
  if (!inside)
    throw InvalidError(fmt::format("address {} is outside the subnet of bridge '{}' ({})", guest.to_string(), bridge,
                                   addresses.front().to_string()),
                       "choose a --guest-ip inside it");
}

}  // namespace

void require_network_free(const Home& home, const MachineId& id, const NetworkConfig& wanted) {
  for (const auto& status : status_of_all(home)) {
    if (!status.config || !status.config->network) continue;
    const NetworkConfig& other = *status.config->network;
    if (status.id == id) continue;
    if (!wanted.guest_ip.empty() && other.bridge == wanted.bridge && other.guest_ip == wanted.guest_ip)
      throw BusyError(fmt::format("address {} is taken by machine '{}'", wanted.guest_ip, status.id.to_string()),
                      "choose another --guest-ip");
    if (other.tap_device == wanted.tap_device)
      throw BusyError(fmt::format("tap '{}' is taken by machine '{}'", wanted.tap_device, status.id.to_string()),
                      "choose another --tap");
    if (other.bridge == wanted.bridge && other.mac_addr == wanted.mac_addr)
      throw BusyError(fmt::format("MAC {} is taken by machine '{}'", wanted.mac_addr, status.id.to_string()),
                      "choose another --mac");
  }
}

namespace {

std::string choose_tap(const Home& home, const CreateRequest& request, const std::string& identity) {
  if (!request.tap)
    return home.face == Face::mergenc ? meros::network::tap_name("fc-", "fc-" + request.name + "-tap0", identity)
                                      : meros::network::tap_name("mrs", "", identity);
  if (request.tap->empty() || request.tap->size() > meros::network::max_interface_name)
    throw InvalidError(fmt::format("the tap name '{}' is {} bytes long", *request.tap, request.tap->size()),
                       fmt::format("use 1 to {} bytes", meros::network::max_interface_name));
  return *request.tap;
}

}  // namespace

std::optional<NetworkConfig> choose_network(const Home& home, const CreateRequest& request) {
  if (!request.network || !request.bridge) return std::nullopt;
  NetworkConfig network;
  network.bridge = *request.bridge;
  const auto link = meros::network::find_link(network.bridge);
  if (!link)
    throw NotFoundError(fmt::format("bridge '{}' does not exist", network.bridge),
                        fmt::format("create it ('ip link add {} type bridge'), or pass --bridge", network.bridge));
  if (link->kind != "bridge")
    throw InvalidError(fmt::format("'{}' is not a bridge", network.bridge), "pass the name of a bridge with --bridge");
  const std::string identity = volume_of(home, {request.constellation, request.name}).string();
  network.tap_device = choose_tap(home, request, identity);
  if (request.mac)
    network.mac_addr = meros::network::parse_mac(*request.mac, "--mac");
  else
    network.mac_addr = home.face == Face::mergenc ? meros::network::random_mac() : mac_for(identity);
  if (request.guest_ip) {
    const Ipv4 guest = meros::network::parse_ipv4(*request.guest_ip, "--guest-ip");
    const Ipv4Network subnet = subnet_of(request, network.bridge);
    check_guest_address(guest, subnet, network.bridge);
    network.guest_ip = guest.to_string();
    network.gateway_ip = subnet.address.to_string();
    network.netmask = subnet.netmask().to_string();
  } else if (request.gateway_ip || request.netmask) {
    throw UsageError("--gateway-ip and --netmask say nothing without --guest-ip", "pass --guest-ip too");
  }
  require_network_free(home, {request.constellation, request.name}, network);
  return network;
}

std::string tap_alias(const std::filesystem::path& volume) {
  constexpr std::size_t room = 200;  // an interface's alias holds 255 bytes (IFALIASZ - 1, linux/if.h)
  const std::string whole = volume.string();
  if (whole.size() <= room) return "meros " + whole;
  return fmt::format("meros {:016x} …{}", stable_hash(whole), whole.substr(whole.size() - room));
}

namespace {

// The Go program made the TAP of such a volume, and knew no aliases.
void claim_tap_of_seed(const Config& config) {
  if (config.owner.data_dir.empty()) meros::network::claim_tap(config.network->tap_device, tap_alias(config.volume));
}

}  // namespace

void ensure_tap(const Config& config) {
  if (!config.network) return;
  claim_tap_of_seed(config);
  meros::network::TapSettings tap;
  tap.name = config.network->tap_device;
  tap.owner_uid = vmm_uid_of(config);
  tap.alias = tap_alias(config.volume);
  tap.bridge = config.network->bridge;
  tap.proxy_arp = true;
  tap.disable_ipv6 = true;
  meros::network::ensure_tap(tap);
}

void remove_tap(const Config& config) {
  if (!config.network) return;
  claim_tap_of_seed(config);
  meros::network::remove_tap(config.network->tap_device, tap_alias(config.volume));
}

namespace {

// Who may still be in the namespace of a holder that was killed.
std::vector<pid_t> supervisors_in(const Home& home, const std::string& network) {
  std::vector<pid_t> found;
  for (const auto& status : status_of_all(home))
    if (status.supervisor_pid != 0 && status.config && status.config->network_name == network)
      found.push_back(status.supervisor_pid);
  return found;
}

}  // namespace

Holder ensure_holder(const Home& home, const std::string& network, Reporter& reporter) {
  const std::filesystem::path directory = home.network_dir(network);
  if (auto holder = Holder::find(directory)) return std::move(*holder);
  const auto recorded = meros::network::recorded_network(directory);
  Holder holder = Holder::ensure({directory, home.supervisor, supervisors_in(home, network)}, reporter);
  if (recorded) holder.apply(*recorded, reporter);
  return holder;
}

Namespaces ensure_network(const Home& home, const Config& config, const VerbOptions& options) {
  ensure_tap(config);
  if (config.network_name.empty()) return {};
  Holder holder = ensure_holder(home, config.network_name, *options.reporter);
  if (config.owner.constellation.empty()) holder.apply(default_network(home), *options.reporter);
  return {holder.network_namespace(), holder.user_namespace()};
}

}  // namespace meros::machine
