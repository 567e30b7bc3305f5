// The verbs on one machine. Each may be killed at any instruction and run again: it then finishes, or undoes, what it
// finds half made. Each takes the machine's verb lock and waits for it (`lock_timeout`); TimeoutError is not used for
// that: it is a BusyError that says who holds it.
//
// All throw NotFoundError for a machine that is not there, HostError (exit 6) where another user than the owner asks.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/report.h"
#include "machine/config.h"
#include "machine/disks.h"
#include "machine/home.h"
#include "machine/state.h"

namespace meros::machine {

struct VerbOptions {
  std::string verb;  // "start", for those who wait for us
  std::chrono::milliseconds lock_timeout{60'000};
  Reporter* reporter = nullptr;       // never null when it arrives in a verb
  std::optional<std::string> binary;  // start, supervise: another VMM program for this run
};

struct CreateRequest {
  std::string name;
  std::string constellation;  // "" for `create`
  unsigned cpus = 1;
  std::uint64_t memory_mib = 512;
  std::string driver = "auto";        // auto | firecracker | qemu
  std::string accel = "auto";         // auto | kvm | tcg
  std::string arch;                   // "": the host's
  std::optional<std::string> binary;  // of the VMM (--firecracker-bin)
  std::optional<std::string> kernel;  // default: the template in images_dir
  std::optional<std::string> initrd;
  std::string append;                 // after our kernel arguments
  std::optional<std::string> rootfs;  // default: the template in images_dir, unless there is an initrd
  bool read_only = false;
  std::vector<std::string> disks;  // paths, used in place
  std::string restart = "no";
  bool network = true;                // --no-network: false
  std::optional<std::string> bridge;  // mergenc: docker0
  std::optional<std::string> tap;
  std::optional<std::string> mac;
  std::optional<std::string> guest_ip;
  std::optional<std::string> gateway_ip;  // default: read from the bridge
  std::optional<std::string> netmask;     // default: read from the bridge

  // What a machine of a constellation has besides.
  std::string network_name;         // it is a member of this network: then `nics` are its NICs, and `bridge` is empty
  std::vector<NetworkConfig> nics;  // complete, but for tap_device where it is to be chosen
  std::optional<vmm::Firmware> firmware;  // instead of a kernel
  std::vector<std::string> cdroms;
  bool display = false;
  std::vector<std::string> qemu_args;
  std::vector<NewDisk> new_disks;  // made in its volume
  std::uint64_t root_bytes = 0;    // the size of its root disk, where it is more than the image's
  bool keep_image = false;         // see RootDiskOptions
  std::string root_device = "/dev/vda";
  std::string origin;  // see Config
};

// Makes volume, disks, TAP and config.json; on any error nothing of it is left. BusyError when the name is taken.
Config create(const Home& home, const CreateRequest& request, const VerbOptions& options);

// Brings the config of a stopped machine to the request; its root disk and its other disks stay, new ones are made.
// BusyError when it runs.
Config reconfigure(const Home& home, const CreateRequest& request, const VerbOptions& options);
// A new `origin`, and nothing else: for what does not concern a machine that runs.
void set_origin(const Home& home, const MachineId& id, const std::string& origin, const VerbOptions& options);

struct StartResult {
  bool already_running = false;
  std::string driver;
  std::string accel;
  std::chrono::milliseconds took{0};
};
StartResult start(const Home& home, const MachineId& id, const VerbOptions& options);

struct StopOptions {
  std::chrono::milliseconds timeout{30'000};  // for the guest, before SIGTERM
  bool force = false;                         // straight to SIGKILL
};
struct StopResult {
  bool already_stopped = false;
  std::string how;  // "ctrl-alt-del", "acpi-powerdown", "SIGTERM", "SIGKILL"
};
StopResult stop(const Home& home, const MachineId& id, const StopOptions& stop, const VerbOptions& options);

// Return false when there was nothing to do. Error when the machine does not run or its driver cannot.
bool pause(const Home& home, const MachineId& id, const VerbOptions& options);
bool resume(const Home& home, const MachineId& id, const VerbOptions& options);

// Stops it if it runs (with `stop`), then removes TAP, sockets and volume.
void remove(const Home& home, const MachineId& id, const StopOptions& stop, const VerbOptions& options);

// Runs it in the foreground until it ends: SIGTERM and SIGINT stop the guest gracefully. The VMM's exit status.
ExitStatus supervise(const Home& home, const MachineId& id, const VerbOptions& options);

// Mends what a crash left: half-made volumes, TAPs, sockets and pid files without an owner. Says what it did.
std::vector<std::string> collect_garbage(const Home& home, const VerbOptions& options);

// One line of events.jsonl.
struct Event {
  std::int64_t at_ms = 0;
  std::string kind;  // created, starting, running, paused, resumed, stopping, stopped, failed, restarting, lost …
  std::string detail;
};
std::vector<Event> read_events(const std::filesystem::path& volume);

}  // namespace meros::machine
