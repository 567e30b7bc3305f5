// A constellation "lab" for tests that are about something else than its bridges: "open" (host-access, 10.0.2.1/24, tcp
// 80) with the machines web (10.0.2.21) and db (10.0.2.22).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "integration/network/probe.h"
#include "integration/network/world.h"

namespace meros::test {

class Lab : public Networks {
 protected:
  void SetUp() override;
  void TearDown() override;

  void start_machines(const network::NetworkSpec& spec);
  const network::NetworkNamespace& in(const std::string& machine) { return machines_.at(machine)->network(); }
  bool reaches_outside(const std::string& machine) {
    return static_cast<bool>(greeted_connection(in(machine), "203.0.113.9", 80, "outside"));
  }
  // No service at the place can be reached from the machine, as far as one sees in a while.
  bool is_kept_from(const std::string& machine, const std::string& to, std::uint16_t port,
                    const std::string& greeting) {
    return wrong_probes({{to, &in(machine), Protocol::tcp, to, port, greeting, false, ""}}).empty();
  }
  // The address that a machine is told for a name by its bridge's dnsmasq ("" where it is told none), asking until it
  // answers.
  std::string resolve(const std::string& machine, const std::string& name, const std::string& server = "10.0.2.1");

  // Children of the holder by the name of their program.
  std::vector<pid_t> servants(const std::string& constellation, const std::string& program);
  // A process of the caller's in the namespace, as a machine's supervisor is.
  pid_t settle_inhabitant(const std::string& constellation);

  network::NetworkSpec lab_;
  std::map<std::string, std::unique_ptr<FakeMachine>> machines_;
};

}  // namespace meros::test
