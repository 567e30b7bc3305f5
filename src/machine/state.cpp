#include "machine/state.h"

#include <algorithm>
#include <array>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

constexpr std::array<std::pair<State, std::string_view>, 7> state_names = {{{State::created, "created"},
                                                                            {State::starting, "starting"},
                                                                            {State::running, "running"},
                                                                            {State::paused, "paused"},
                                                                            {State::stopping, "stopping"},
                                                                            {State::stopped, "stopped"},
                                                                            {State::failed, "failed"}}};

State parse_state_name(std::string_view text) {
  for (const auto& [state, name] : state_names)
    if (name == text) return state;
  throw InvalidError("'state' is not one of the known states");
}

bool says_alive(State state) {
  return state == State::starting || state == State::running || state == State::paused || state == State::stopping;
}

// What is true, from what the supervisor wrote last and who holds which lock.
void judge(Status& status, std::optional<pid_t> supervisor, bool vmm_lock_held) {
  status.state = status.file.state;
  if (supervisor) {
    status.supervisor_pid = *supervisor;
    // It has the lock but has not written yet.
    if (!says_alive(status.state)) status.state = status.file.desired == "running" ? State::starting : State::stopping;
    return;
  }
  status.lost = says_alive(status.file.state);
  if (vmm_lock_held)
    status.state = State::stopping;
  else if (status.lost)
    status.state = State::stopped;
}

}  // namespace

std::string_view to_string(State state) {
  for (const auto& [known, name] : state_names)
    if (known == state) return name;
  return "unknown";
}

StateFile parse_state(std::string_view text) {
  const Json json = parse_json(text, names::state);
  StateFile file;
  file.state = parse_state_name(get<std::string>(json, "state"));
  file.desired = get_or<std::string>(json, "desired", "stopped");
  file.supervisor_pid = get_or<pid_t>(json, "supervisor_pid", 0);
  file.vmm_pid = get_or<pid_t>(json, "vmm_pid", 0);
  file.accel = get_or<std::string>(json, "accel", {});
  file.started_at_ms = get_or<std::int64_t>(json, "started_at_ms", 0);
  file.console_inode = get_or<std::uint64_t>(json, "console_inode", 0);
  file.console_offset = get_or<std::uint64_t>(json, "console_offset", 0);
  file.ended_at_ms = get_or<std::int64_t>(json, "ended_at_ms", 0);
  if (json.contains("exit_code")) file.exit_code = get<int>(json, "exit_code");
  if (json.contains("exit_signal")) file.exit_signal = get<int>(json, "exit_signal");
  file.reason = get_or<std::string>(json, "reason", {});
  file.last_words = get_or<std::string>(json, "last_words", {});
  file.restarts = get_or<unsigned>(json, "restarts", 0);
  return file;
}

Json to_json(const StateFile& file) {
  Json json = {{"schema_version", 1},
               {"state", to_string(file.state)},
               {"desired", file.desired},
               {"supervisor_pid", file.supervisor_pid},
               {"vmm_pid", file.vmm_pid},
               {"accel", file.accel},
               {"started_at_ms", file.started_at_ms},
               {"console_inode", file.console_inode},
               {"console_offset", file.console_offset},
               {"ended_at_ms", file.ended_at_ms},
               {"reason", file.reason},
               {"last_words", file.last_words},
               {"restarts", file.restarts}};
  if (file.exit_code) json["exit_code"] = *file.exit_code;
  if (file.exit_signal) json["exit_signal"] = *file.exit_signal;
  return json;
}

std::optional<StateFile> read_state(const fs::path& volume) {
  constexpr std::size_t limit = 1 << 20;
  const auto text = read_file_if_exists(volume / names::state, limit);
  if (!text) return std::nullopt;
  try {
    return parse_state(*text);
  } catch (InvalidError& e) {
    e.add_context("cannot use '" + (volume / names::state).string() + "'");
    throw;
  }
}

void write_state(const fs::path& volume, const StateFile& file) {
  // A reboot voids it (the lock is then free), so it need not survive one; the VMM's text may hold any bytes.
  replace_file(volume / names::state, to_json(file).dump(2, ' ', false, Json::error_handler_t::replace) + "\n", 0644,
               Durability::process_crash_only);
}

namespace {

Status look_at(const Home& home, const MachineId& id, Which which) {
  Status status;
  status.id = id;
  const fs::path volume = volume_of(home, id);
  // The lock first: a supervisor writes its last state before it gives up the lock, so that "free" is never followed by
  // an older word than its last.
  const auto supervisor = lock_owner((volume / names::run_lock).string());
  bool ended_in_order = false;
  try {
    if (auto file = read_state(volume)) status.file = std::move(*file);
    ended_in_order = !says_alive(status.file.state);
  } catch (const Error& e) {
    status.problem = e.message();
  }
  // A supervisor says that a run is over only after it has reaped the VMM, and with it the last holder of vmm.lock.
  const bool vmm_lock_held =
      !supervisor && !ended_in_order && lock_owner((volume / names::vmm_lock).string()).has_value();
  judge(status, supervisor, vmm_lock_held);
  if (which == Which::alive && !says_alive(status.state)) return status;
  try {
    status.config = read_config(volume);
  } catch (const Error& e) {
    status.problem = e.message();
  }
  return status;
}

Json nic_json(const NetworkConfig& nic) {
  return {{"bridge", nic.bridge}, {"tap", nic.tap_device}, {"mac", nic.mac_addr}, {"address", nic.guest_ip}};
}

}  // namespace

Status status_of(const Home& home, const MachineId& id) { return look_at(home, id, Which::all); }

std::vector<Status> status_of_all(const Home& home, Which which) {
  const auto ids = list_machines(home);
  std::vector<Status> all(ids.size());
  const auto look_at_every = [&](std::size_t step, std::size_t first) {
    for (std::size_t i = first; i < ids.size(); i += step) all[i] = look_at(home, ids[i], which);
  };
  // Half of it is the kernel's work, half is JSON; a thread is worth it from some dozens of machines on.
  constexpr std::size_t enough_for_a_thread = 64;
  const std::size_t threads =
      std::clamp<std::size_t>(ids.size() / enough_for_a_thread, 1, std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::future<void>> others;
  for (std::size_t i = 1; i < threads; ++i) others.push_back(std::async(std::launch::async, look_at_every, threads, i));
  look_at_every(threads, 0);
  for (auto& other : others) other.get();
  if (which == Which::alive) std::erase_if(all, [](const Status& status) { return !says_alive(status.state); });
  return all;
}

Json to_json(const Status& status) {
  const bool runs = status.supervisor_pid != 0;
  Json json = {{"name", status.id.name},
               {"constellation", status.id.constellation},
               {"state", to_string(status.state)},
               {"lost", status.lost},
               {"supervisor_pid", status.supervisor_pid},
               {"vmm_pid", runs ? status.file.vmm_pid : 0},
               {"restarts", status.file.restarts}};
  if (status.file.started_at_ms != 0) json["started_at"] = format_time(status.file.started_at_ms);
  if (!runs && status.file.ended_at_ms != 0) json["ended_at"] = format_time(status.file.ended_at_ms);
  if (!runs && status.file.exit_code) json["exit_code"] = *status.file.exit_code;
  if (!runs && status.file.exit_signal) json["exit_signal"] = *status.file.exit_signal;
  if (!status.file.reason.empty()) json["reason"] = status.file.reason;
  if (!status.file.last_words.empty()) json["last_words"] = status.file.last_words;
  if (!status.problem.empty()) json["problem"] = status.problem;
  if (!status.config) return json;
  const Config& config = *status.config;
  json["driver"] = config.driver;
  json["accel"] = runs ? status.file.accel : config.accel;
  json["arch"] = to_string(config.arch);
  json["cpus"] = config.cpu_count;
  json["memory_mib"] = config.memory_mb;
  json["restart"] = config.restart.to_string();
  json["volume"] = config.volume.string();
  json["created_at"] = config.created_at;
  if (config.has_nic()) json["network"] = nic_json(*config.main_nic());
  if (!config.nics.empty()) {
    json["nics"] = Json::array();
    for (const auto& nic : config.nics) json["nics"].push_back(nic_json(nic));
  }
  return json;
}

}  // namespace meros::machine
