// The screen of a machine in a window of this host's, by the VNC viewer that is installed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machine/home.h"

namespace meros::guest {

// The VNC server's socket of a machine that runs and has a display: a path of any length. Error with the way out where
// there is none.
std::filesystem::path display_socket(const machine::Home& home, const machine::MachineId& id);

// Becomes the viewer. HostError without a viewer that takes a Unix socket, or without a display here.
[[noreturn]] void become_viewer(const std::filesystem::path& socket, const machine::MachineId& id);

}  // namespace meros::guest
