#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/checks/check.h"

namespace fs = std::filesystem;

namespace meros::cli {

Check check_tun(const HostView& host) {
  const fs::path device = host.dev / "net" / "tun";
  Check check{.id = "tun", .title = "TAP devices"};
  if (const Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC)); fd) {
    check.detail = device.string() + " opens";
    // On the host's own bridges; in a network namespace of one's own anybody may.
    if (!host.is_root) check.detail += "; joining a bridge of the host takes root";
    return check;
  }
  const bool absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
  check.status = Check::Status::missing;
  check.detail = fmt::format("{} {}: machines have no network", device.string(),
                             absent ? "does not exist" : "may not be opened by this user");
  check.remedy = as_root(host, absent ? "modprobe tun" : fmt::format("chmod 0666 {}", device.string()));
  return check;
}

Check check_forwarding(const HostView& host) {
  Check check{.id = "ip-forward", .title = "IPv4 forwarding"};
  const auto value = read_file_if_exists(host.proc / "sys/net/ipv4/ip_forward");
  if (value && trim(*value) != "0") {
    check.detail = "net.ipv4.ip_forward is on";
    return check;
  }
  check.status = Check::Status::degraded;
  check.detail = "net.ipv4.ip_forward is off: machines on a bridge of the host do not get out of it";
  check.remedy = as_root(host, "sysctl -w net.ipv4.ip_forward=1");
  return check;
}

Check check_bridge_filter(const HostView& host) {
  Check check{.id = "bridge-nf", .title = "filtering on bridges"};
  const auto value = read_file_if_exists(host.proc / "sys/net/bridge/bridge-nf-call-iptables");
  if (!value || trim(*value) == "0") {
    check.detail = value ? "net.bridge.bridge-nf-call-iptables is off" : "br_netfilter is not in the kernel";
    return check;
  }
  check.status = Check::Status::degraded;
  check.detail =
      "net.bridge.bridge-nf-call-iptables is on: what machines on one bridge of the host send each other goes through "
      "its iptables rules (Docker's drop it)";
  check.remedy = as_root(host, "sysctl -w net.bridge.bridge-nf-call-iptables=0");
  return check;
}

}  // namespace meros::cli
