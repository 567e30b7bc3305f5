// A constellation's network as the holder keeps it: the namespace, what was applied to it, and the processes that serve
// it.
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/watch.h"
#include "network/daemon.h"
#include "network/host_facts.h"
#include "network/names.h"
#include "network/namespace.h"
#include "network/nft.h"
#include "network/policy.h"
#include "network/relay.h"
#include "network/spec.h"

namespace meros::network {

enum class Rights { root, user_namespace };

class LiveNetwork {
 public:
  LiveNetwork(Names names, NetworkNamespace network, Rights rights);

  // Brings everything to the spec; returns warnings. After an error it is as far on the way as it came: apply the
  // former spec again to go back.
  std::vector<std::string> apply(const NetworkSpec& spec);

  const NetworkNamespace& network() const { return network_; }
  const Names& names() const { return names_; }
  Rights rights() const { return rights_; }
  Uplink uplink() const { return uplink_.kind; }
  std::vector<std::string> problems() const;

  // Our own children: somebody else reaps those that lost their parents to us.
  std::vector<pid_t> children() const;

  void watch(Watches& watches);
  // After each turn: what ended is started again, what changed on the host is taken in.
  void tend();
  Deadline next_deadline() const;

 private:
  struct Dns {
    std::string config;
    std::unique_ptr<Daemon> daemon;
  };
  UplinkFacts settle_uplink(const NetworkSpec& spec, const HostFacts& host, std::vector<std::string>& warnings);
  void load_inside_rules(const NetworkSpec& spec);
  void join_uplink(const NetworkSpec& spec, const HostFacts& host, std::vector<std::string>& warnings);
  void keep_pasta(const HostFacts& host);
  std::vector<std::string> serve(const NetworkSpec& spec, const HostFacts& host);
  // Returns the bridges whose dnsmasq was started.
  std::vector<std::string> keep_dnsmasqs(const NetworkSpec& spec);
  void wait_for_dnsmasq(const NetworkSpec& spec, const std::string& bridge);
  void take_in_host();
  void mend_host_rules();

  Names names_;
  NetworkNamespace network_;
  Rights rights_;
  HostWatch host_watch_;
  std::optional<RulesWatch> rules_watch_;  // as root: the host's rules are ours to mend
  std::optional<NetworkSpec> spec_;        // as it was applied last
  UplinkFacts uplink_;
  std::optional<WayOut> way_out_;
  std::string host_problem_;
  nlohmann::json inside_rules_;  // as they were loaded last: nobody else loads any there
  Relay relay_;
  std::map<std::string, Dns> dnsmasqs_;  // by bridge
  std::unique_ptr<Daemon> pasta_;
  UplinkFacts pasta_facts_;
  Deadline look_at_host_ = Deadline::never();
  Deadline look_at_rules_ = Deadline::never();
};

}  // namespace meros::network
