#include "cli/status_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.h"
#include "cli/output.h"

namespace meros::cli {

void StatusLines::set(const std::string& work, const std::string& text, clock::time_point now) {
  const auto known = std::ranges::find(works_, work, &Work::name);
  if (known == works_.end()) {
    if (!text.empty()) works_.push_back({work, text, now});
  } else if (text.empty()) {
    works_.erase(known);
  } else {
    known->text = text;
  }
}

std::vector<std::string> StatusLines::render(clock::time_point now, std::size_t width) const {
  std::size_t names = 0;
  for (const auto& work : works_) names = std::max(names, work.name.size());
  std::vector<std::string> lines;
  for (const auto& work : works_) {
    const std::string time = format_duration(std::chrono::duration_cast<std::chrono::seconds>(now - work.began));
    const std::size_t taken = names + time.size() + 4;
    const std::string text = printable(work.text).substr(0, width > taken ? width - taken : 0);
    lines.push_back(fmt::format("{:<{}}  {}  {}", printable(work.name), names, text, time).substr(0, width));
  }
  return lines;
}

}  // namespace meros::cli
