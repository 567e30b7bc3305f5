#include "guest/runtime_directory.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

namespace fs = std::filesystem;

namespace meros::guest {
namespace {

constexpr std::size_t longest_directory = 45;

bool is_ours_alone(const fs::path& directory) {
  struct stat info {};
  return ::lstat(directory.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
         (info.st_mode & 077) == 0;
}

}  // namespace

std::optional<fs::path> runtime_directory() {
  std::vector<fs::path> candidates;
  if (const char* set = std::getenv("XDG_RUNTIME_DIR"); set != nullptr && *set == '/')
    candidates.push_back(fs::path(set) / "meros");
  if (::geteuid() == 0) candidates.emplace_back("/run/meros");
  candidates.push_back(fs::path("/tmp") / fmt::format("meros-{}", ::geteuid()));
  for (const auto& candidate : candidates) {
    if (candidate.string().size() > longest_directory) continue;
    if (::mkdir(candidate.c_str(), 0700) != 0 && errno != EEXIST) continue;
    if (is_ours_alone(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace meros::guest
