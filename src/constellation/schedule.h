// Tasks that depend on each other, each begun as soon as those before it are done.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace meros::constellation {

struct Task {
  std::vector<std::size_t> after;  // indices of tasks
  bool waits_only = false;         // costs nothing but time: does not count among the `jobs`
  std::function<bool()> run;       // returns whether it succeeded; must not throw
};
enum class TaskEnd { done, failed, skipped };

// At most `jobs` at once. What comes after one that failed, or was skipped, is skipped; all else goes on. The tasks
// must not wait for each other in a circle.
std::vector<TaskEnd> run_tasks(const std::vector<Task>& tasks, unsigned jobs);

}  // namespace meros::constellation
