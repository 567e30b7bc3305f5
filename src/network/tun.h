// /dev/net/tun: how a process gets hold of a TAP device. No libnl here: the supervisor links this and is small.
#pragma once

#include <string>

#include "base/fd.h"

namespace meros::network {

// InvalidError unless the kernel would take it as a device's name (dev_valid_name, net/core/dev.c) and take it
// literally ('%' would make it a pattern). `what` is "TAP name", "bridge name" …
void check_interface_name(const std::string& name, const std::string& what);

// Opens /dev/net/tun. HostError where it is absent or closed to us; `doing` begins the message.
Fd open_tun(const std::string& doing);

enum class Attach { existing_or_new, new_only };
// TUNSETIFF with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR: 0, or the errno. EBUSY: it is in use, or with `new_only` it
// exists. A device made so lives as long as the descriptor, until it is made persistent.
int attach_tap(const Fd& tun, const std::string& name, Attach attach);

// Whether the attached device lives on when the descriptor is closed.
bool is_persistent(const Fd& tun);

}  // namespace meros::network
