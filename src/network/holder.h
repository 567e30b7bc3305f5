// The holder of a constellation's network, as the verbs see it.
//
// One process a constellation (a mode of meros-supervisor), root or not. It owns the network namespace (without root a
// user namespace too), is the parent of dnsmasq, the relay and pasta, restarts those that end, and hands out
// descriptors. It lives in its directory (`data/networks/<constellation>`):
//   network.json  what the network shall be (NetworkSpec): written before it is applied, so that any verb can go on
//   net.lock      F_SETLK, held by the holder: the network is up if and only if it is held
//   net.sock      requests, one JSON object a line; descriptors travel beside the answer (SCM_RIGHTS)
//
// A holder that is killed takes nothing with it but dnsmasq, relay and pasta: the machines run on in the namespace, and
// the next ensure_holder() takes that over from one of their processes (or, as root, by its name).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/report.h"
#include "network/spec.h"

namespace meros::network {

struct HolderPlace {
  std::filesystem::path directory;  // absolute; made if absent
  std::filesystem::path program;    // meros-supervisor
  // Processes that may still be in the namespace of a holder that was killed: supervisors that run (pidfds or pids that
  // their lock told just now).
  std::vector<pid_t> inhabitants;
};

struct NetworkStatus {
  pid_t pid = 0;             // of the holder
  std::string uplink;        // "veth", "pasta", "none": what `auto` became
  std::string namespace_of;  // as root its name for `ip netns`; else ""
  std::uint64_t namespace_inode = 0;
  std::vector<std::string> problems;  // one sentence each: dnsmasq keeps ending, no way out …
};

// A running holder. Move-only; closing it changes nothing.
class Holder {
 public:
  // Nothing when none runs.
  static std::optional<Holder> find(const std::filesystem::path& directory);
  // Finds it, or starts one and takes a namespace over where there is one. Returns when it answers.
  // HostError where namespaces, /dev/net/tun, nft or dnsmasq are not to be had (what to do is the hint).
  static Holder ensure(const HolderPlace& place, Reporter& reporter);

  // Writes network.json and brings bridges, TAPs, rules, dnsmasq and uplink to it: only what differs is touched, rules
  // in one transaction, flows that were allowed and are not any more end. Links that are not in the spec any more go.
  // On an error everything of this call that can be is taken back, and the former network.json stays.
  void apply(const NetworkSpec& spec, Reporter& reporter);

  NetworkStatus status();
  Fd network_namespace();
  std::optional<Fd> user_namespace();  // without root
  // An open TAP of the namespace (IFF_VNET_HDR), for one VMM. NotFoundError, BusyError when in use.
  Fd open_tap(const std::string& name);
  // A TCP connection made inside the namespace: how connect, exec and friends reach a machine, with root and without.
  // HostError with the cause when it is refused, TimeoutError.
  Fd dial(Ipv4 address, std::uint16_t port, std::chrono::milliseconds timeout);

 private:
  explicit Holder(Fd socket);
  Fd socket_;
};

// What network.json says; nothing when there is none.
std::optional<NetworkSpec> recorded_network(const std::filesystem::path& directory);

// Ends the holder and its children, removes uplink, host routes, rules, names, and the directory; checks that nothing
// uses the namespace any more (BusyError names who does). Twice is fine; also after the holder was killed.
void remove_network(const HolderPlace& place, Reporter& reporter);

}  // namespace meros::network
