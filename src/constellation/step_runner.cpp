#include "constellation/step_runner.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/error.h"
#include "constellation/schedule.h"

namespace meros::constellation {
namespace {

using clock = std::chrono::steady_clock;

class StepRunner {
 public:
  StepRunner(const Perform& perform, ApplyObserver& observer) : perform_(perform), observer_(observer) {}

  ApplyResult run(const std::vector<Step>& steps, unsigned jobs) {
    std::vector<Task> tasks;
    for (const auto& step : steps)
      tasks.push_back({step.after, step.kind == Step::Kind::ready, [this, &step] { return attempt(step); }});
    const auto ends = run_tasks(tasks, jobs);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i] != TaskEnd::skipped) continue;
      ++result_.skipped;
      observer_.skipped(steps[i]);
    }
    return result_;
  }

 private:
  bool attempt(const Step& step) {
    const auto begin = clock::now();
    try {
      observer_.began(step);
      if (perform_(step))
        observer_.done(step, std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - begin));
      return true;
    } catch (const Error& e) {
      note_failure(step, e);
    } catch (const std::exception& e) {
      note_failure(step, Error(e.what()));
    }
    return false;
  }

  void note_failure(const Step& step, const Error& error) {
    observer_.failed(step, error);
    const std::lock_guard lock(mutex_);
    ++result_.failed;
    result_.worst = std::max(result_.worst, error.exit_code());
  }

  const Perform& perform_;
  ApplyObserver& observer_;
  std::mutex mutex_;  // for the result, while the tasks run
  ApplyResult result_;
};

}  // namespace

ApplyResult run_steps(const std::vector<Step>& steps, unsigned jobs, const Perform& perform, ApplyObserver& observer) {
  return StepRunner(perform, observer).run(steps, jobs);
}

}  // namespace meros::constellation
