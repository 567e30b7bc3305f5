// The one interface to what runs machines. Generic code asks for a capability, never for a driver's name.
//
// Two halves. The pure one (validate, plan) is a function of values: what will be started and what will be said to it.
// The other (launch) makes a process of it: the caller gives the place, and gets a Vmm that owns the process.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "vmm/spec.h"

namespace meros::vmm {

struct Capabilities {
  bool console_input = true;
  bool pause = true;
  bool snapshot = false;
  bool graphics = false;
  bool hot_plug = false;
  bool firmware = false;  // boots a disk by itself
  bool qcow2 = false;
  bool accel_tcg = false;  // runs without KVM
  bool extra_args = false;
  bool elf_kernel = false;  // on x86_64 it loads a kernel as an ELF file only, and no bzImage
  std::vector<Arch> architectures;
};

// A descriptor that the VMM is to find open under the number `target`.
struct PlannedDescriptor {
  enum class Kind {
    console,   // one end of the guest's serial line
    control,   // one end of the control channel
    listener,  // a listening unix socket bound at `path` inside the volume (a monitor for people)
    tap,       // the TAP device `path`, opened
    file,      // the file `path`, opened with `flags`
  };
  Kind kind;
  int target;
  std::string path;
  int flags = 0;  // open(2) flags, for `file`
};

// What launch will do, as values: golden tests read it.
struct Plan {
  struct Request {
    std::string method;  // "PUT"
    std::string path;    // "/machine-config"
    std::string body;    // JSON
  };
  std::vector<std::string> argv;
  std::vector<PlannedDescriptor> descriptors;
  std::vector<Request> requests;  // sent in this order after the start (Firecracker); empty for QEMU
};

// Where and as whom the VMM runs. The descriptors stay the caller's and must outlive launch().
struct Site {
  const Fd* volume = nullptr;                // its working directory
  std::optional<Command::Credentials> user;  // nothing: as the caller
  bool drop_capabilities = false;            // see Command: where the caller is root of a user namespace
  const Fd* vmm_lock = nullptr;  // locked for inheriting; the VMM holds it by having it open. May be null (tests)
  int parent_death_signal = 0;
};

// Called between the steps of a start, and while it waits: throws to give up the start.
using StillWanted = std::function<void()>;

struct GuestEvent {
  enum class Kind { shutdown, reset, panicked, paused, resumed, other };
  Kind kind;
  std::string detail;  // the VMM's own word ("guest-reset")
};

// What stop() asked the guest by.
enum class StopRequest { none, ctrl_alt_del, acpi_powerdown };
std::string_view to_string(StopRequest request);

// A running VMM. Destroying it kills and reaps the process.
class Vmm {
 public:
  virtual ~Vmm() = default;

  virtual Child& process() = 0;
  // The guest's serial line, both ways, non-blocking, raw bytes. At its end-of-file (or EIO) the VMM is gone or going.
  virtual const Fd& console() const = 0;
  // What the VMM itself says (stderr and log), to be read to its end; non-blocking.
  virtual const Fd& log() const = 0;

  // Configures it and starts the vCPUs; returns when they run. An error carries the VMM's own words.
  virtual void boot(Deadline deadline, const StillWanted& still_wanted) = 0;
  // Readable when take_events() has something to take; -1 when the VMM tells nothing by itself. Who owns a VMM takes
  // its events: one whose guest has ended may end itself only then.
  virtual int event_descriptor() const = 0;
  virtual std::vector<GuestEvent> take_events() = 0;

  // Asks the guest to shut down; says by what, or `none` where there is no way. Does not wait for the end.
  virtual StopRequest ask_to_stop() = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  // The VMM's own name for its state: "running", "paused" …
  virtual std::string query() = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::string_view name() const = 0;                // "qemu", "firecracker": for config and messages only
  virtual std::string default_binary(Arch arch) const = 0;  // "qemu-system-x86_64"
  virtual std::string_view pid_file() const = 0;            // "qemu.pid"
  virtual std::string_view socket_file() const = 0;         // "qmp.sock": for people, in the volume
  virtual std::string_view log_file() const = 0;            // "qemu.log"
  virtual std::string_view display_socket() const = 0;      // "run/vnc.sock": VNC, in the volume; "" without graphics
  virtual Capabilities capabilities() const = 0;

  // Throws InvalidError for what this VMM would refuse (counts, sizes, names, features).
  virtual void validate(const Spec& spec) const = 0;
  // Pure. `binary` becomes argv[0].
  virtual Plan plan(const Spec& spec, const std::string& binary) const = 0;
  // Starts the process; the vCPUs do not run before boot().
  virtual std::unique_ptr<Vmm> launch(const Spec& spec, const std::string& binary, const Site& site) const = 0;
};

// "firecracker" or "qemu"; InvalidError otherwise. They live as long as the program.
const Driver& driver_named(std::string_view name);
const std::vector<const Driver*>& all_drivers();

}  // namespace meros::vmm
