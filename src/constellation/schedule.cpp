#include "constellation/schedule.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace meros::constellation {
namespace {

class Schedule {
 public:
  Schedule(const std::vector<Task>& tasks, unsigned jobs)
      : tasks_(tasks), free_(std::max(jobs, 1U)), ends_(tasks.size()), open_(tasks.size()), next_(tasks.size()) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      open_[i] = tasks[i].after.size();
      for (const std::size_t before : tasks[i].after) next_.at(before).push_back(i);
      if (open_[i] == 0) ready_.push_back(i);
    }
  }

  std::vector<TaskEnd> run() {
    std::unique_lock lock(mutex_);
    while (finished_ < tasks_.size()) {
      begin_what_can_begin();
      changed_.wait(lock);
    }
    lock.unlock();
    threads_.clear();  // joins them
    std::vector<TaskEnd> ends;
    for (const auto& end : ends_) ends.push_back(*end);
    return ends;
  }

 private:
  // In the order in which they became ready, those that only wait before all.
  void begin_what_can_begin() {
    for (auto task = ready_.begin(); task != ready_.end();) {
      const bool waits_only = tasks_[*task].waits_only;
      if (!waits_only && free_ == 0) {
        ++task;
        continue;
      }
      if (!waits_only) --free_;
      threads_.emplace_back([this, index = *task] { execute(index); });
      task = ready_.erase(task);
    }
    if (finished_ == tasks_.size()) changed_.notify_one();
  }

  void execute(std::size_t index) {
    const bool success = tasks_[index].run();
    const std::lock_guard lock(mutex_);
    if (!tasks_[index].waits_only) ++free_;
    finish(index, success ? TaskEnd::done : TaskEnd::failed);
    changed_.notify_one();
  }

  void finish(std::size_t index, TaskEnd end) {
    if (ends_[index]) return;  // skipped for another that failed
    ends_[index] = end;
    ++finished_;
    for (const std::size_t later : next_[index]) {
      if (end != TaskEnd::done)
        finish(later, TaskEnd::skipped);
      else if (--open_[later] == 0)
        ready_.push_back(later);
    }
  }

  const std::vector<Task>& tasks_;
  std::size_t free_;
  std::size_t finished_ = 0;
  std::vector<std::optional<TaskEnd>> ends_;
  std::vector<std::size_t> open_;               // how many before it are not done
  std::vector<std::vector<std::size_t>> next_;  // what comes after it
  std::deque<std::size_t> ready_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::jthread> threads_;
};

}  // namespace

std::vector<TaskEnd> run_tasks(const std::vector<Task>& tasks, unsigned jobs) {
  return tasks.empty() ? std::vector<TaskEnd>{} : Schedule(tasks, jobs).run();
}

}  // namespace meros::constellation
