#include "network/tap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "network/netlink.h"
#include "network/tun.h"

namespace meros::network {
namespace {

constexpr std::size_t max_alias = 255;  // IFALIASZ - 1, linux/if.h
constexpr auto tap_kind = "tun";        // what the kernel calls TUN and TAP devices alike

// The host's side of every TAP, as Xen has it: a bridge without an address of its own takes its lowest port's, so that
// with any other its address, and with it the guests' gateway, would change when a machine comes or goes.
constexpr auto tap_mac = "fe:ff:ff:ff:ff:ff";

// A TAP that we are attached to, so that nobody else is.
struct AttachedTap {
  Fd fd;
  Link link;
  bool made_here = false;  // then it vanishes with `fd` until it is made persistent
};

HostError needs_root() { return HostError("making TAP devices needs root", "run it with sudo, or use --no-network"); }

void check_settings(const TapSettings& settings) {
  check_interface_name(settings.name, "TAP name");
  if (!settings.bridge.empty()) check_interface_name(settings.bridge, "bridge name");
  if (settings.alias.size() > max_alias)
    throw InvalidError(fmt::format("the alias of tap '{}' is longer than {} bytes", settings.name, max_alias));
}

std::optional<Link> find_bridge(const Netlink& netlink, const TapSettings& settings) {
  if (settings.bridge.empty()) return std::nullopt;
  auto link = netlink.link(settings.bridge);
  if (!link)
    throw NotFoundError(
        fmt::format("cannot attach tap '{}': bridge '{}' does not exist", settings.name, settings.bridge),
        fmt::format("create it with 'ip link add {} type bridge', or pass --bridge", settings.bridge));
  if (link->kind != "bridge")
    throw InvalidError(fmt::format("cannot attach tap '{}': '{}' is not a bridge", settings.name, settings.bridge),
                       "pass a bridge with --bridge; 'ip link show type bridge' lists them");
  return link;
}

bool is_of(const Link& link, const std::string& alias) { return link.kind == tap_kind && link.alias == alias; }

// "belongs to 'x'", or what else there is to say of a device that is not ours.
std::string whose(const Link& link) {
  if (!link.alias.empty()) return fmt::format("belongs to '{}'", link.alias);
  return link.kind.empty() ? "was not made by meros" : fmt::format("was not made by meros (its kind is {})", link.kind);
}

BusyError name_is_taken(const Link& link) {
  return BusyError(fmt::format("cannot make tap '{0}': the interface '{0}' {1}", link.name, whose(link)),
                   "choose another name with --tap");
}

[[noreturn]] void throw_attach_error(const std::string& name, int error) {
  if (error == EPERM) throw needs_root();
  const std::string doing = fmt::format("cannot make tap '{}'", name);
  if (error == EBUSY) throw BusyError(doing + ": it is in use by another process");
  if (error == EINVAL) throw BusyError(doing + ": the interface of that name is not a TAP device");
  throw SystemError(doing, error);
}

// One try: nothing where the device came or went while we looked.
std::optional<AttachedTap> try_attach(const Netlink& netlink, const TapSettings& settings) {
  Fd tun = open_tun(fmt::format("cannot make tap '{}'", settings.name));
  const int error = attach_tap(tun, settings.name, Attach::new_only);
  auto link = netlink.link(settings.name);
  if (error == 0) {
    if (!link) return std::nullopt;
    return AttachedTap{std::move(tun), std::move(*link), true};
  }
  if (error != EBUSY) throw_attach_error(settings.name, error);
  if (!link) return std::nullopt;
  if (!is_of(*link, settings.alias)) throw name_is_taken(*link);
  if (const int again = attach_tap(tun, settings.name, Attach::existing_or_new); again != 0)
    throw_attach_error(settings.name, again);
  const auto attached = netlink.link(settings.name);
  if (!attached || attached->index != link->index) return std::nullopt;
  return AttachedTap{std::move(tun), std::move(*link), false};
}

AttachedTap attach(const Netlink& netlink, const TapSettings& settings) {
  constexpr int tries = 16;
  for (int i = 0; i < tries; ++i) {
    if (auto tap = try_attach(netlink, settings)) return std::move(*tap);
  }
  throw BusyError(fmt::format("cannot make tap '{}': another process makes and removes it", settings.name));
}

// Writes only where it differs, so that a TAP that is as it should be needs no privileges.
void set_sysctl(const std::string& path, std::string_view value) {
  const auto now = read_file_if_exists(path);
  if (!now) return;  // a kernel without that protocol
  if (trim(*now) == value) return;
  write_all(open_file(path, O_WRONLY), value);
}

void set_protocols(const TapSettings& settings) {
  if (settings.proxy_arp) set_sysctl(fmt::format("/proc/sys/net/ipv4/conf/{}/proxy_arp", settings.name), "1");
  if (settings.disable_ipv6) set_sysctl(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", settings.name), "1");
}

void configure(const Netlink& netlink, const AttachedTap& tap, const TapSettings& settings,
               const std::optional<Link>& bridge) {
  const std::string doing = fmt::format("cannot set up tap '{}'", settings.name);
  const int index = tap.link.index;
  if (tap.made_here) netlink.change(index, {.alias = settings.alias, .mac = tap_mac}, doing);
  if (::ioctl(tap.fd.get(), TUNSETOWNER, static_cast<unsigned long>(settings.owner_uid)) != 0)
    throw_errno(fmt::format("cannot give tap '{}' to user {}", settings.name, settings.owner_uid));
  set_protocols(settings);
  if (bridge && tap.link.mtu != bridge->mtu) netlink.change(index, {.mtu = bridge->mtu}, doing);
  if (bridge && tap.link.master != bridge->name)
    netlink.change(index, {.master = bridge->index},
                   fmt::format("cannot attach tap '{}' to bridge '{}'", settings.name, bridge->name));
  if (!tap.link.up) netlink.change(index, {.up = true}, doing);
}

}  // namespace

void ensure_tap(const TapSettings& settings) {
  check_settings(settings);
  const Netlink netlink;
  const auto bridge = find_bridge(netlink, settings);
  const AttachedTap tap = attach(netlink, settings);
  configure(netlink, tap, settings, bridge);
  // Last, so that a TAP made here goes with us, whatever fails or kills us before.
  if (tap.made_here && ::ioctl(tap.fd.get(), TUNSETPERSIST, 1UL) != 0)
    throw_errno(fmt::format("cannot keep tap '{}'", settings.name));
}

void claim_tap(const std::string& name, const std::string& alias) {
  check_interface_name(name, "TAP name");
  const Netlink netlink;
  const auto link = netlink.link(name);
  if (link && link->kind == tap_kind && link->alias.empty())
    netlink.change(link->index, {.alias = alias}, fmt::format("cannot claim tap '{}'", name));
}

bool remove_tap(const std::string& name, const std::string& alias) {
  check_interface_name(name, "TAP name");
  const Netlink netlink;
  const auto link = netlink.link(name);
  if (!link) return false;
  if (!is_of(*link, alias)) throw BusyError(fmt::format("cannot remove tap '{}': it {}", name, whose(*link)));
  return netlink.remove(link->index, fmt::format("cannot remove tap '{}'", name));
}

}  // namespace meros::network
