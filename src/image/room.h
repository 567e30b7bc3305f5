// A room: a command inside a guest's root file system, in mount, PID, IPC and UTS namespaces of its own, after
// pivot_root. What it leaves running ends with it. It sees the network of the host and nothing else of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"

namespace meros::image {

struct Room {
  std::filesystem::path root;  // a mount point
  std::string host_name;
  std::vector<std::string> environment;  // beside worker_environment()
  // Shown read-only in the room as /tmp/src/hooks; empty: nothing.
  std::filesystem::path hooks;
};

// Runs argv to its end, what it prints going where ours goes. Only a worker can.
ExitStatus run_in(const Room& room, const std::vector<std::string>& argv);
// The same; Error where it does not succeed.
void run_step(const Room& room, const std::vector<std::string>& argv);
// The same with its stdout captured. Error where it fails.
std::string output_in(const Room& room, const std::vector<std::string>& argv);

// main() of the room.
int live_in_room();

}  // namespace meros::image
