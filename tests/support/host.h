// What a test needs of the host, and the words to skip it with.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>

#include "base/child.h"

namespace meros::test {

enum class Need {
  root,              // effective uid 0
  namespaces,        // network and mount namespaces can be made, and /dev/net/tun opens
  user_namespaces,   // an ordinary user can make user and PID namespaces
  qemu,              // qemu-system-x86_64
  fake_firecracker,  // was built
  real_firecracker,  // MEROS_TEST_FIRECRACKER
  kvm_device,        // /dev/kvm opens (however it is emulated)
  ip,                // iproute2
  mount,             // file systems can be mounted (tmpfs)
};

// One sentence on the first that is lacking; nothing when all is there.
std::optional<std::string> lacking(std::initializer_list<Need> needs);

// A user that is in no passwd file and owns nothing, for programs that are to run without root. Needs root to become
// it.
Command::Credentials ordinary_user();

}  // namespace meros::test

// Skips the running test, saying why, where the host lacks one of the needs.
#define MEROS_REQUIRE(...)                                                            \
  do {                                                                                \
    if (const auto why = ::meros::test::lacking({__VA_ARGS__})) GTEST_SKIP() << *why; \
  } while (false)
