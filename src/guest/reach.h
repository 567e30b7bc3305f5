// How a machine is dialled from here: inside the network of its constellation, or over a bridge of the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "machine/config.h"
#include "machine/home.h"
#include "network/address.h"

namespace meros::guest {

constexpr std::uint16_t ssh_port = 22;

// The first address of the machine that is known here; nothing where it has none.
std::optional<network::Ipv4> address_of(const machine::Config& config);

// Error with the way out where the machine does not run, or where no way leads to it.
void require_reachable(const machine::Home& home, const machine::MachineId& id);

// A TCP connection to a port of the machine. Error when it is refused or the machine is out of reach, TimeoutError;
// the hint of both names the console.
Fd dial(const machine::Home& home, const machine::MachineId& id, std::uint16_t port, std::chrono::milliseconds timeout);

// Hands an open descriptor to who reads our standard output with a socket there (ssh's ProxyUseFdpass). UsageError
// where it is none.
void pass_to_stdout(const Fd& descriptor);

}  // namespace meros::guest
