#include "guest/display.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/unix_socket.h"
#include "guest/runtime_directory.h"
#include "machine/config.h"
#include "machine/state.h"
#include "vmm/driver.h"

namespace fs = std::filesystem;

namespace meros::guest {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_tell_version = 10s;

// Several programs are called vncviewer; TigerVNC's takes a Unix socket.
bool is_tigervnc(const std::string& program) {
  Command command;
  command.argv = {program, "--version"};
  const Output output = run(std::move(command), {}, Deadline::after(time_to_tell_version));
  return (output.out + output.err).find("TigerVNC") != std::string::npos;
}

// Those that take the path of a Unix socket for a server, the best first.
std::optional<std::string> find_viewer() {
  for (const auto* program : {"xtigervncviewer", "gvncviewer"})
    if (find_program(program)) return program;
  if (find_program("vncviewer") && is_tigervnc("vncviewer")) return "vncviewer";
  return std::nullopt;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// A viewer takes the path as it is, and a socket's address is short: the way there is a symbolic link.
fs::path short_path(const fs::path& socket) {
  if (socket.string().size() <= longest_socket_path) return socket;
  const auto runtime = runtime_directory();
  if (!runtime) throw HostError(fmt::format("the path '{}' is too long for a socket", socket.string()));
  const fs::path link = *runtime / fmt::format("vnc-{:016x}", stable_hash(socket.string()));
  if (::symlink(socket.parent_path().c_str(), link.c_str()) != 0 && errno != EEXIST)
    throw_errno(fmt::format("cannot make the link '{}'", link.string()));
  return link / socket.filename();
}

}  // namespace

fs::path display_socket(const machine::Home& home, const machine::MachineId& id) {
  const auto status = machine::status_of(home, id);
  if (!status.config) throw InvalidError(status.problem);
  if (!status.config->display)
    throw Error(fmt::format("machine '{}' has no display", id.to_string()),
                "give it one with `display: true` in its manifest, or create --display");
  if (status.supervisor_pid == 0)
    throw Error(fmt::format("machine '{}' does not run ({})", id.to_string(), to_string(status.state)),
                fmt::format("start it: meros start {}", id.to_string()));
  return machine::volume_of(home, id) / vmm::driver_named(status.config->driver).display_socket();
}

void become_viewer(const fs::path& socket, const machine::MachineId& id) {
  const std::string other_way = fmt::format("for another viewer: meros display --socket {}", id.to_string());
  const auto viewer = find_viewer();
  if (!viewer)
    throw HostError("no VNC viewer is installed that takes a Unix socket",
                    "install one: apt install tigervnc-viewer, or gvncviewer; " + other_way);
  if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY"))
    throw HostError("there is no display here: neither DISPLAY nor WAYLAND_DISPLAY is set",
                    "run it in a graphical session; " + other_way);
  std::string program = *viewer;
  std::string path = short_path(socket).string();
  std::array<char*, 3> argv = {program.data(), path.data(), nullptr};
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(argv.front(), argv.data());
  throw_errno(fmt::format("cannot run '{}'", program));
}

}  // namespace meros::guest
