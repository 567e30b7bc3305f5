// One packet of a test and what became of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "network/namespace.h"

namespace meros::test {

enum class Protocol { tcp, udp, icmp };

struct Probe {
  std::string name;  // UDP says it, too
  const network::NetworkNamespace* from;
  Protocol protocol;
  std::string to;
  std::uint16_t port = 0;
  std::string greeting;  // of the service that is meant; not for ICMP
  bool reaches = false;  // what shall become of it
  std::string source;    // sent from this address, unless empty
};

// Sends them all at once. What shall get through has plenty of time; what shall not is waited for a while longer than
// all of the others took. Returns the names of those that went otherwise.
std::vector<std::string> wrong_probes(const std::vector<Probe>& probes);

// A TCP connection from inside that was greeted; an empty descriptor where it was not.
Fd greeted_connection(const network::NetworkNamespace& from, const std::string& to, std::uint16_t port,
                      const std::string& greeting);

}  // namespace meros::test
