// A machine as the network sees it: a network namespace whose eth0 is wired to a TAP of the holder, frame by frame, as
// a VMM would do it.
#pragma once

#include <string>
#include <thread>

#include "base/fd.h"
#include "network/address.h"
#include "network/namespace.h"

namespace meros::test {

class FakeMachine {
 public:
  // With an address it has that and a default route by `gateway`; without, eth0 is up and no more.
  FakeMachine(Fd tap, const std::string& mac, std::optional<network::Ipv4Network> address, network::Ipv4 gateway);
  ~FakeMachine();
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  const network::NetworkNamespace& network() const { return network_; }
  // Runs `ip` with the arguments inside.
  void ip(std::initializer_list<std::string> arguments) const;

 private:
  void carry();
  network::NetworkNamespace network_;
  Fd tap_;   // the holder's
  Fd eth0_;  // the guest's
  Pipe stop_;
  std::thread thread_;
};

}  // namespace meros::test
