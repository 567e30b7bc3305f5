// The SSH connection to one run of a machine that its commands share (ssh's ControlMaster).
//
// Its socket is in the machine's volume and goes with it, under a name that holds the run: the next run of the machine
// never meets a connection of the last. ssh takes 107 bytes for its path, less 17 for a name that it makes first, so it
// is told of it through a symbolic link in a short place: <runtime directory>/meros/<hash> -> the volume.
#pragma once

#include <filesystem>
#include <optional>

#include "guest/login.h"
#include "machine/home.h"

namespace meros::guest {

// Makes the link. Nothing where no place is short and safe enough: each command then connects by itself.
std::optional<std::filesystem::path> shared_connection(const machine::Home& home, const machine::MachineId& id,
                                                       const Login& login);

// Whether an ssh still serves that socket.
bool is_served(const std::filesystem::path& control_path);

// Ends the connections to a machine that is to stop or to be deleted, and removes the link. Does nothing where there
// are none, and never fails: what cannot be reached has ended.
void end_shared_connections(const machine::Home& home, const machine::MachineId& id) noexcept;

}  // namespace meros::guest
