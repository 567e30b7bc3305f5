// The parent of one machine's VMM, from start to end (design: ARCHITECTURE.md, "The supervisor").
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "base/lock.h"
#include "machine/config.h"
#include "machine/state.h"
#include "machine/supervisor/console_hub.h"
#include "machine/supervisor/control_server.h"
#include "machine/supervisor/restart.h"
#include "vmm/driver.h"

namespace meros::machine {

struct SupervisorOptions {
  std::filesystem::path volume;  // absolute; the working directory is the same place
  vmm::Accel accel = vmm::Accel::tcg;
  bool own_mounts = false;  // we are in a mount namespace of our own
  bool as_caller = false;  // we are root in the user namespace of somebody else's: the VMM has no more rights than that
  std::string binary;      // of the VMM; empty: by the driver's name in PATH
};

class Supervisor {
 public:
  // Takes run.lock before any side effect: BusyError when another supervisor has it. `ready` is the socket to the verb
  // that wants the start; it stays the caller's, and is closed when the verb was told that the vCPUs run.
  Supervisor(SupervisorOptions options, Fd& ready);

  // Starts the VMM and stays until it has ended for good. Returns how it ended. Throws when the first start fails;
  // everything of it is then gone again and state.json says `failed`.
  ExitStatus run();

 private:
  struct Stop {
    std::string how;    // by what the VMM was last told to end
    Deadline escalate;  // when the next, harder means is due
    bool terminated = false;
  };

  void prepare_devices();
  void note_console_position();
  void launch();
  void boot();
  void still_wanted();
  void say_ready();
  ExitStatus watch_until_end();
  ExitStatus run_once();
  bool wait_before_restart(Deadline deadline);  // false when a stop came
  void turn(Deadline deadline);

  void on_request(std::uint64_t client, const nlohmann::json& request);
  void on_signal();
  void on_vmm_events();
  void read_vmm_log();

  void begin_stop(std::chrono::milliseconds timeout, bool force);
  void ask_guest(std::chrono::milliseconds timeout);
  void escalate_if_due();
  void end_vmm_without_guest();
  void kill_vmm(int signal, const char* name, std::chrono::milliseconds grace);
  void set_paused(bool paused);

  void set_state(State state);
  void record(std::string_view kind, std::string_view detail = {});
  void note_end(const ExitStatus& status);
  void fail(const std::string& reason);
  void remove_runtime_files() noexcept;
  void answer_stops();

  SupervisorOptions options_;
  Fd volume_;
  ProcessLock run_lock_;
  Fd& ready_;
  Config config_;
  const vmm::Driver& driver_;
  StateFile state_;
  Fd signals_;
  BoundedLog events_;
  BoundedLog vmm_log_;
  ConsoleHub console_;
  ControlServer control_;
  std::unique_ptr<vmm::Vmm> vmm_;
  bool log_open_ = false;
  std::string last_words_;
  std::string guest_word_;  // what the VMM told of the guest's end
  std::optional<Stop> stop_;
  std::optional<Deadline> guest_ended_;  // until when the VMM may follow a guest that has shut down
  bool outlived_guest_ = false;          // it did not, and was killed: that is no failure
  std::vector<std::uint64_t> waiting_for_stop_;
  RestartCounter restarts_;
};

}  // namespace meros::machine
