#include "image/build_each.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace meros::image {

std::vector<BuildOutcome> build_each(std::size_t count, unsigned jobs,
                                     const std::function<std::string(std::size_t)>& name,
                                     const std::function<BuildResult(std::size_t)>& build) {
  std::vector<BuildOutcome> outcomes(count);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      outcomes[i].machine = name(i);
      try {
        outcomes[i].result = build(i);
      } catch (const Error& e) {
        outcomes[i].error = e;
      } catch (const std::exception& e) {
        outcomes[i].error = Error(e.what());
      }
    }
  };
  const unsigned wanted = jobs != 0 ? jobs : std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min<std::size_t>(wanted, count); ++i) threads.emplace_back(work);
  threads.clear();
  return outcomes;
}

}  // namespace meros::image
