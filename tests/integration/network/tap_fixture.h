// The base of the tests of TAP devices: a network namespace for each of them, with the bridge br0 in it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "network/tap.h"

namespace meros::network {

// "<exit code> <message> (<hint>)", or "no error".
std::string outcome_of(const std::function<void()>& action);
// The same in a process of its own, which may lose privileges or change its namespaces.
std::string outcome_in_child(const std::function<void()>& action);
void drop_capability(int capability);

// Skips, saying what is lacking, where it may not make what it needs.
class Tap : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  static std::string ip(const std::vector<std::string>& arguments);
  // The value of /proc/sys/net/<path>.
  static std::string sysctl(const std::string& path);
  // Without lo and what the kernel makes in every namespace.
  static std::vector<std::string> link_names();

  TapSettings settings{.name = "tap0",
                       .owner_uid = 12345,
                       .alias = "meros /srv/data demo",
                       .bridge = "br0",
                       .proxy_arp = true,
                       .disable_ipv6 = true};

 private:
  Fd host_namespace_;
};

}  // namespace meros::network
