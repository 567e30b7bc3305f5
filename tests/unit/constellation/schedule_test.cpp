#include "constellation/schedule.h"

#include <gmock/gmock.h>

#include <atomic>
#include <barrier>
#include <mutex>

namespace meros::constellation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Schedule, NothingToDoIsDone) { EXPECT_THAT(run_tasks({}, 4), IsEmpty()); }

TEST(Schedule, BeginsATaskOnlyAfterThoseBeforeIt) {
  std::mutex mutex;
  std::vector<int> order;
  const auto task = [&](int number) {
    return [&, number] {
      const std::lock_guard lock(mutex);
      order.push_back(number);
      return true;
    };
  };
  // 2 after 1 after 0, whatever their places.
  const std::vector<Task> tasks = {{{2}, false, task(1)}, {{0}, false, task(2)}, {{}, false, task(0)}};
  EXPECT_THAT(run_tasks(tasks, 8), ElementsAre(TaskEnd::done, TaskEnd::done, TaskEnd::done));
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST(Schedule, SkipsWhatComesAfterAFailureAndGoesOnWithTheRest) {
  std::atomic<int> ran = 0;
  const auto good = [&] {
    ++ran;
    return true;
  };
  const std::vector<Task> tasks = {{{}, false, [] { return false; }},
                                   {{0}, false, good},
                                   {{1}, false, good},
                                   {{}, false, good},
                                   {{3, 0}, false, good}};
  EXPECT_THAT(run_tasks(tasks, 1),
              ElementsAre(TaskEnd::failed, TaskEnd::skipped, TaskEnd::skipped, TaskEnd::done, TaskEnd::skipped));
  EXPECT_EQ(ran, 1);
}

TEST(Schedule, RunsAsManyAtOnceAsItMay) {
  std::barrier both(2);  // each waits for the other: one at a time would hang
  const auto meet = [&] {
    both.arrive_and_wait();
    return true;
  };
  EXPECT_THAT(run_tasks({{{}, false, meet}, {{}, false, meet}}, 2), ElementsAre(TaskEnd::done, TaskEnd::done));
}

TEST(Schedule, NeverRunsMoreAtOnceThanItMay) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  const auto count = [&] {
    const int running = ++now;
    int seen = most;
    while (running > seen && !most.compare_exchange_weak(seen, running)) {
    }
    --now;
    return true;
  };
  std::vector<Task> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back({{}, false, count});
  run_tasks(tasks, 3);
  EXPECT_LE(most, 3);
}

TEST(Schedule, ATaskThatOnlyWaitsTakesNobodysPlace) {
  std::barrier both(2);
  const auto meet = [&] {
    both.arrive_and_wait();
    return true;
  };
  EXPECT_THAT(run_tasks({{{}, true, meet}, {{}, false, meet}}, 1), ElementsAre(TaskEnd::done, TaskEnd::done));
}

}  // namespace
}  // namespace meros::constellation
