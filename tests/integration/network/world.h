// The world of a test of networks: a "host" (a network namespace that the test's thread is in), an outside that it is
// joined to, services on both, and constellations on the host, made by root or by an ordinary user.
//
//   outside  192.0.2.1, 203.0.113.9, 203.0.113.10: tcp and udp 80 say "outside"; DNS on 192.0.2.1
//   host     192.0.2.10, 192.0.2.11 on eth0, the default route by 192.0.2.1. tcp 22, 80, 8080 and udp 8080 on all
//            addresses say "host"; tcp 443 on 127.0.0.1 says "loopback"
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "integration/network/fake_machine.h"
#include "integration/network/services.h"
#include "network/holder.h"
#include "network/live_network.h"
#include "support/leaks.h"
#include "support/namespace.h"

namespace meros::test {

// A bridge with its policy, for tests to change what they care about.
network::BridgeSpec bridge(const std::string& name, const std::string& subnet, network::Policy policy);
network::PortSpec port(const std::string& machine, const std::string& bridge, const std::string& address);

class World : public testing::Test {
 protected:
  explicit World(network::Rights rights) : rights_(rights) {}
  void SetUp() override;
  void TearDown() override;

  network::Rights rights() const { return rights_; }
  bool is_root() const { return rights_ == network::Rights::root; }
  const network::NetworkNamespace& outside() const { return *outside_; }
  // What datagrams said to the host's and the outside's services.
  std::set<std::string> heard() const { return services_->heard(); }

  std::filesystem::path directory(const std::string& constellation) const;
  network::NetworkSpec spec(const std::string& constellation) const;

  // Each as the caller that the test is about, in a process of its own. Warnings are returned.
  std::vector<std::string> apply(const network::NetworkSpec& spec);
  // The same, not waited for: where a test does something meanwhile. No thread: a process of a caller's is forked.
  struct Call {
    pid_t pid;
    Fd answer;
  };
  Call begin_apply(const network::NetworkSpec& spec);
  std::string error_of(Call call);  // waits for it; "" where there was none
  void remove(const std::string& constellation);
  network::NetworkStatus status(const std::string& constellation);
  Fd open_tap(const std::string& constellation, const std::string& tap);
  Fd dial(const std::string& constellation, const std::string& address, std::uint16_t port);
  network::NetworkNamespace network_of(const std::string& constellation);

  // Tries to remove the network as a user who has nothing to do with it.
  void as_stranger(const std::string& constellation);

  // Starts a program in the namespace, as the caller, and lets it run.
  pid_t spawn_inside(const std::string& constellation, const std::vector<std::string>& argv);

  // The machine behind a port of the spec.
  std::unique_ptr<FakeMachine> machine(const network::NetworkSpec& spec, const std::string& machine);

  // Processes of the caller's that are in the namespace: what a holder that was killed is followed by.
  std::vector<pid_t> inhabitants_;
  bool remove_constellations_ = true;  // at the end of the test

  // What the host has now that a network may leave behind: routes, rules, forwarding, links of sockets.
  std::set<std::string> host_state() const;

 private:
  network::HolderPlace place(const std::string& constellation) const;
  using Work = std::function<std::vector<Fd>(std::vector<std::string>& words)>;
  std::vector<Fd> as_caller(const Work& work, std::vector<std::string>* words = nullptr) const;
  std::vector<Fd> as_user(const std::optional<Command::Credentials>& user, const Work& work,
                          std::vector<std::string>* words) const;
  // The two halves of as_user: the process that does the work, and its answer.
  static Call begin(const std::optional<Command::Credentials>& user, const Work& work);
  static std::vector<Fd> finish(Call call, std::vector<std::string>* words);
  std::optional<Command::Credentials> caller() const;  // nothing: as ourselves
  Work applying(const network::NetworkSpec& spec) const;

  network::Rights rights_;
  std::unique_ptr<NetworkNamespace> host_;
  std::unique_ptr<TemporaryDirectory> home_;
  std::unique_ptr<network::NetworkNamespace> outside_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<LeakCheck> leaks_;
  std::set<std::string> state_before_;
  std::set<std::string> constellations_;
};

// The same test for both callers.
class Networks : public World, public testing::WithParamInterface<network::Rights> {
 protected:
  Networks() : World(GetParam()) {}
};
const auto both_callers = testing::Values(network::Rights::root, network::Rights::user_namespace);
inline std::string name_of_caller(const testing::TestParamInfo<network::Rights>& caller) {
  return caller.param == network::Rights::root ? "AsRoot" : "WithoutRoot";
}

}  // namespace meros::test
