#include "constellation/apply.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <mutex>
#include <set>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "constellation/readiness.h"
#include "constellation/step_runner.h"
#include "guest/shared_connection.h"
#include "machine/addressing.h"
#include "network/holder.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

using Kind = Step::Kind;

// A disk that is a file in data/disks: made where it is absent, and never touched again.
void make_image_file(const ImageFile& wanted) {
  const fs::path file = wanted.path;
  std::error_code error;
  if (fs::exists(file, error)) return;
  make_directories(file.parent_path());
  fs::path fresh = file;
  fresh.replace_filename(fmt::format(".{}.{}.new", file.filename().string(), ::getpid()));
  if (wanted.format == vmm::DiskFormat::qcow2) {
    Command command;
    command.argv = {"qemu-img", "create", "-q", "-f", "qcow2", fresh.string(), std::to_string(wanted.bytes)};
    const Output output = run(std::move(command), {}, Deadline::after(std::chrono::minutes(1)));
    if (!output.status.success()) throw Error(fmt::format("cannot make disk '{}': {}", file.string(), output.err));
  } else {
    const Fd made = open_file(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
    fs::resize_file(fresh, wanted.bytes);
  }
  fs::permissions(fresh, fs::perms::owner_read | fs::perms::owner_write);
  fs::rename(fresh, file);
}

class Application {
 public:
  Application(const machine::Home& home, const Wanted& wanted, const Plan& plan, const ApplyOptions& options,
              ApplyObserver& observer)
      : home_(home), wanted_(wanted), plan_(plan), options_(options), observer_(observer) {}

  ApplyResult run() {
    const auto former = network::recorded_network(home_.network_dir(wanted_.constellation));
    ApplyResult result = run_steps(
        plan_.steps, options_.jobs, [this](const Step& step) { return perform(step); }, observer_);
    if (result.failed > 0 && options_.atomic) {
      undo(former);
      result.undone = true;
    }
    return result;
  }

 private:
  machine::MachineId id(const Step& step) const { return {wanted_.constellation, step.machine}; }

  // Every step of a plan has something to do, but for those that nobody waits for.
  bool perform(const Step& step) {
    if (step.kind == Kind::ready && !options_.wait) return false;
    execute(step);
    return true;
  }

  void execute(const Step& step) {
    switch (step.kind) {
      case Kind::build:
        return options_.build(step.machine);
      case Kind::network:
        return apply_network();
      case Kind::create:
        return create(step);
      case Kind::reconfigure:
        machine::reconfigure(home_, request_of(step), options_.verb);
        return;
      case Kind::record:
        return machine::set_origin(home_, id(step), wanted_.find(step.machine)->request.origin, options_.verb);
      case Kind::stop:
        guest::end_shared_connections(home_, id(step));
        machine::stop(home_, id(step), {}, options_.verb);
        return;
      case Kind::remove:
        guest::end_shared_connections(home_, id(step));
        return machine::remove(home_, id(step), {}, options_.verb);
      case Kind::start:
        return start(step);
      case Kind::ready:
        return wait_until_ready(home_, id(step), wanted_.find(step.machine)->ready, Deadline::after(options_.timeout));
    }
  }

  machine::CreateRequest request_of(const Step& step) const {
    const WantedMachine* machine = wanted_.find(step.machine);
    for (const auto& file : machine->image_files) make_image_file(file);
    return machine->must_be_built ? options_.look_again(step.machine).request : machine->request;
  }

  void create(const Step& step) {
    machine::create(home_, request_of(step), options_.verb);
    const std::lock_guard lock(mutex_);
    created_.insert(step.machine);
  }

  void start(const Step& step) {
    const auto result = machine::start(home_, id(step), options_.verb);
    const std::lock_guard lock(mutex_);
    if (!result.already_running) started_.insert(step.machine);
  }

  void apply_network() {
    auto holder = machine::ensure_holder(home_, wanted_.constellation, *options_.verb.reporter);
    holder.apply(wanted_.network, *options_.verb.reporter);
    network_changed_ = true;
  }

  void undo(const std::optional<network::NetworkSpec>& former) {
    machine::StopOptions hard;
    hard.force = true;
    for (const auto& name : started_)
      if (!created_.contains(name)) machine::stop(home_, {wanted_.constellation, name}, {}, options_.verb);
    for (const auto& name : created_) machine::remove(home_, {wanted_.constellation, name}, hard, options_.verb);
    if (!network_changed_) return;
    if (former)
      machine::ensure_holder(home_, wanted_.constellation, *options_.verb.reporter)
          .apply(*former, *options_.verb.reporter);
    else
      network::remove_network({home_.network_dir(wanted_.constellation), home_.supervisor, {}},
                              *options_.verb.reporter);
  }

  const machine::Home& home_;
  const Wanted& wanted_;
  const Plan& plan_;
  const ApplyOptions& options_;
  ApplyObserver& observer_;
  std::mutex mutex_;  // for what follows
  std::set<std::string, std::less<>> created_;
  std::set<std::string, std::less<>> started_;
  bool network_changed_ = false;
};

}  // namespace

ApplyResult apply(const machine::Home& home, const Wanted& wanted, const Plan& plan, const ApplyOptions& options,
                  ApplyObserver& observer) {
  return Application(home, wanted, plan, options, observer).run();
}

}  // namespace meros::constellation
