#include "machine/leftovers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "machine/events.h"
#include "vmm/driver.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

bool unlink_if_there(const fs::path& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno != ENOENT) throw_errno("cannot remove '" + path.string() + "'");
  return false;
}

std::vector<std::string> runtime_files() {
  std::vector<std::string> files = {names::control, names::console};
  for (const auto* driver : vmm::all_drivers()) {
    files.emplace_back(driver->pid_file());
    files.emplace_back(driver->socket_file());
    files.push_back(std::string(names::run_directory) + "/" + std::string(driver->socket_file()));
  }
  return files;
}

}  // namespace

std::vector<std::string> clear_leftovers(const Home& home, const MachineId& id) {
  const fs::path volume = volume_of(home, id);
  std::vector<std::string> done;
  Status status = status_of(home, id);
  if (status.supervisor_pid != 0 || status.state == State::stopping) return done;
  if (status.lost) {
    record_event(volume, "lost", "its supervisor ended without a word");
    status.file.state = State::stopped;
    status.file.reason = "lost: its supervisor was killed, or the host restarted";
    write_state(volume, status.file);
    done.push_back(fmt::format("'{}' was lost, and is stopped", id.to_string()));
  }
  for (const auto& file : runtime_files())
    if (unlink_if_there(volume / file)) done.push_back(fmt::format("removed '{}' of '{}'", file, id.to_string()));
  return done;
}

}  // namespace meros::machine
