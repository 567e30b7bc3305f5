// A plan made true.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "constellation/plan.h"
#include "constellation/wanted.h"
#include "machine/home.h"
#include "machine/lifecycle.h"

namespace meros::constellation {

// Told from several threads at once.
class ApplyObserver {
 public:
  virtual ~ApplyObserver() = default;
  virtual void began(const Step& step) = 0;
  virtual void done(const Step& step, std::chrono::milliseconds took) = 0;
  virtual void failed(const Step& step, const Error& error) = 0;
  // It was not tried, for something before it failed.
  virtual void skipped(const Step& step) = 0;
};

struct ApplyOptions {
  unsigned jobs = 8;
  bool wait = true;                            // for machines to be ready
  std::chrono::milliseconds timeout{300'000};  // for each machine, from its start until it is ready
  bool atomic = false;                         // undo all of it when a step fails
  machine::VerbOptions verb;
  // Builds the image of a machine that has none; the facts of it are then looked up again.
  std::function<void(const std::string& machine)> build;
  // The wanted machine, looked at again after its image was built.
  std::function<WantedMachine(const std::string& machine)> look_again;
};

struct ApplyResult {
  std::size_t failed = 0;
  std::size_t skipped = 0;
  ExitCode worst = ExitCode::done;
  bool undone = false;
};
// What fails leaves what works running. Throws only for what concerns the whole.
ApplyResult apply(const machine::Home& home, const Wanted& wanted, const Plan& plan, const ApplyOptions& options,
                  ApplyObserver& observer);

struct ShutdownOptions {
  unsigned jobs = 8;
  machine::StopOptions stop;
  bool volumes = false;                     // delete the machines, with their disks
  std::set<std::string, std::less<>> only;  // these machines; empty: all, and the network
  machine::VerbOptions verb;
};
// Stops machines before what they depend on, in parallel, then removes the network. Needs no manifest. Twice is fine.
// NotFoundError for a machine in `only` that is not there.
ApplyResult shut_down(const machine::Home& home, const std::string& constellation, const ShutdownOptions& options,
                      ApplyObserver& observer);

}  // namespace meros::constellation
