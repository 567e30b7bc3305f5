// The Debian mirror that real images are made from.
#pragma once

#include <string>

namespace meros::test {

// $MEROS_DEBIAN_MIRROR, or Debian's own.
std::string mirror();
// Why it does not answer apt, through a proxy or not; empty where it does.
std::string why_no_mirror();

}  // namespace meros::test
