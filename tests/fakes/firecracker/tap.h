// A TAP device, opened as the real one does, so that owners and busy devices show.
#pragma once

#include <string>

#include "base/fd.h"

namespace meros::fake {

// Throws Fault "Open tap device failed: …". With CAP_NET_ADMIN a device that does not exist is made, as by the real
// one.
Fd open_tap(const std::string& name);

}  // namespace meros::fake
