#include "cli/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "base/json.h"

namespace meros::cli {
namespace {

// Collects what becomes of the machines, from all threads.
class Results {
 public:
  Results(Context& context, std::size_t count) : context_(context), documents_(count) {}

  void done(std::size_t at, const std::string& machine, const Outcome& outcome) {
    Json document = {{"machine", machine}, {"ok", true}};
    if (outcome.add) outcome.add(document);
    const std::lock_guard guard(mutex_);
    documents_[at] = std::move(document);
    if (context_.options.format == Format::table) context_.out().write(printable(outcome.line) + "\n");
  }

  void failed(std::size_t at, const std::string& machine, const Error& error) {
    const std::lock_guard guard(mutex_);
    documents_[at] = Json{{"machine", machine}, {"ok", false}, {"error", to_json(error)}};
    worst_ = std::max(worst_, static_cast<int>(error.exit_code()));
    context_.print_error(error);
  }

  int finish() {
    if (context_.options.format != Format::table) context_.out().print(Json(documents_), context_.options.format);
    return worst_;
  }

 private:
  Context& context_;
  std::mutex mutex_;
  std::vector<Json> documents_;
  int worst_ = exit_code_of_success;
  static constexpr int exit_code_of_success = static_cast<int>(ExitCode::done);
};

// An error of a verb names its machine, whether the library did so or not.
Error named(Error error, const std::string& machine) {
  if (error.message().find(machine) == std::string::npos) error.add_context(fmt::format("machine '{}'", machine));
  return error;
}

void run_one(Context& context, Results& results, std::size_t at, const machine::MachineId& id, const OnMachine& work) {
  try {
    context.detail(fmt::format("{}: begins", id.to_string()));
    results.done(at, id.to_string(), work(id));
  } catch (const Error& e) {
    results.failed(at, id.to_string(), named(e, id.to_string()));
  } catch (const std::exception& e) {
    results.failed(at, id.to_string(), named(Error(e.what()), id.to_string()));
  }
}

}  // namespace

Resolved resolve(Context& context, const Targets& targets) {
  if (targets.all && !targets.names.empty()) throw UsageError("--all and a TARGET exclude each other");
  if (!targets.all && targets.names.empty()) throw UsageError("no TARGET is given", "name machines, or pass --all");
  Resolved found;
  if (targets.all) found.machines = machine::list_machines(context.home());
  for (const auto& name : targets.names) try {
      for (auto& id : machine::resolve_target(context.home(), name))
        if (std::find(found.machines.begin(), found.machines.end(), id) == found.machines.end())
          found.machines.push_back(std::move(id));
    } catch (const Error& e) {
      found.errors.emplace_back(name, e);
    }
  return found;
}

int for_each_target(Context& context, const Targets& targets, const OnMachine& work, const OnMissing& on_missing) {
  const Resolved found = resolve(context, targets);
  const std::size_t count = found.machines.size();
  Results results(context, count + found.errors.size());
  for (std::size_t i = 0; i < found.errors.size(); ++i) {
    const auto& [name, error] = found.errors[i];
    if (on_missing && error.exit_code() == ExitCode::not_found)
      results.done(count + i, name, on_missing(name));
    else
      results.failed(count + i, name, error);
  }
  if (count == 0 && found.errors.empty()) context.reporter().note("there are no machines");

  context.reporter();  // made here, for it is made at its first use
  std::atomic<std::size_t> next = 0;
  const auto worker = [&] {
    for (std::size_t at = next++; at < count; at = next++) run_one(context, results, at, found.machines[at], work);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(targets.jobs, count); ++i) threads.emplace_back(worker);
    worker();
  }
  return results.finish();
}

}  // namespace meros::cli
