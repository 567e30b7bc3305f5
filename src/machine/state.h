// What is known of a machine's life: state.json (written by its supervisor) together with the locks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/config.h"
#include "machine/home.h"

namespace meros::machine {

enum class State { created, starting, running, paused, stopping, stopped, failed };
std::string_view to_string(State state);

// The names inside a volume.
namespace names {
constexpr auto config = "config.json";
constexpr auto state = "state.json";
constexpr auto run_lock = "run.lock";
constexpr auto vmm_lock = "vmm.lock";
constexpr auto control = "control.sock";
constexpr auto console = "console.sock";
constexpr auto console_log = "console.log";
constexpr auto console_times = "console.times";  // log_times.h
constexpr auto events = "events.jsonl";
constexpr auto run_directory = "run";  // the VMM's own: the only place in the volume where it may make files
}  // namespace names

// state.json. Nothing in it is believed without the lock: who reads it calls status_of().
struct StateFile {
  State state = State::created;
  std::string desired = "stopped";  // running | stopped
  pid_t supervisor_pid = 0;         // for people
  pid_t vmm_pid = 0;                // for people
  std::string accel;                // as resolved for this run
  std::int64_t started_at_ms = 0;   // 0: never
  std::int64_t ended_at_ms = 0;
  std::optional<int> exit_code;  // of the VMM
  std::optional<int> exit_signal;
  std::string reason;      // "stopped by request (ctrl-alt-del)", "guest shut down", "killed by signal 9 (Killed)" …
  std::string last_words;  // last lines of the VMM's log, when it failed
  unsigned restarts = 0;
  // Where in console.log this run begins: how long the file was then, and which file it was (a rotation renames it).
  std::uint64_t console_inode = 0;
  std::uint64_t console_offset = 0;
};
StateFile parse_state(std::string_view text);
nlohmann::json to_json(const StateFile& state);
std::optional<StateFile> read_state(const std::filesystem::path& volume);
void write_state(const std::filesystem::path& volume, const StateFile& state);

struct Status {
  MachineId id;
  State state = State::created;
  bool lost = false;         // the last run ended without its supervisor's word
  pid_t supervisor_pid = 0;  // from the lock; 0 when it does not run
  StateFile file;
  std::optional<Config> config;  // nothing when config.json cannot be read: then `problem` says why
  std::string problem;
};
// Asks files and locks only, never a VMM.
Status status_of(const Home& home, const MachineId& id);
// Of all machines, or of those that are starting, running, paused or stopping: of the others the config is then not
// even read.
enum class Which { all, alive };
std::vector<Status> status_of_all(const Home& home, Which which = Which::all);
nlohmann::json to_json(const Status& status);

}  // namespace meros::machine
