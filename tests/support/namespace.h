// A network of the test's own: nothing it makes can touch the host's, or another test's.
#pragma once

#include <string>

#include "base/fd.h"

namespace meros::test {

// Moves the calling thread (the whole of a single-threaded test) into a new network namespace with lo up, and a mount
// namespace whose mounts stay inside, with a /sys that shows the new network. Goes back at the end of its life; the
// devices end with the namespace. Needs root.
class NetworkNamespace {
 public:
  NetworkNamespace();
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

 private:
  Fd former_network_;
  Fd former_mounts_;
};

// A bridge that is up and has the address ("172.17.0.1/16"), in the namespace we are in.
void add_bridge(const std::string& name, const std::string& address);

// Runs `ip` with the arguments; an Error with its words when it fails.
std::string ip(std::initializer_list<std::string> arguments);

}  // namespace meros::test
