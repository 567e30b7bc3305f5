// What several works are at: a line each, with the time since it began. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace meros::cli {

class StatusLines {
 public:
  using clock = std::chrono::steady_clock;

  // Replaces what is said of a work; an empty text takes its line away.
  void set(const std::string& work, const std::string& text, clock::time_point now);
  bool empty() const { return works_.empty(); }
  // In the order of their beginning, each at most `width` columns: "lab/web  kernel  12s".
  std::vector<std::string> render(clock::time_point now, std::size_t width) const;

 private:
  struct Work {
    std::string name;
    std::string text;
    clock::time_point began;
  };
  std::vector<Work> works_;
};

}  // namespace meros::cli
