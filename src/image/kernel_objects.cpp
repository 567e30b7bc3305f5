#include "image/kernel_objects.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr auto lock_name = ".meros-lock";
constexpr auto unfinished_name = ".meros-unfinished";

// A compiler that is killed leaves a part of a file, which is newer than what it is made from, so that make takes it
// for whole. What was written in the last minute before the end is made again; the linker takes longest, and not that
// long.
constexpr std::chrono::seconds doubtful{60};

std::vector<fs::directory_entry> files_below(const fs::path& directory) {
  std::vector<fs::directory_entry> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.symlink_status().type() == fs::file_type::regular) files.push_back(entry);
  return files;
}

void remove_doubtful(const fs::path& directory) {
  const auto files = files_below(directory);
  fs::file_time_type newest = fs::file_time_type::min();
  for (const auto& file : files)
    if (!file.path().filename().string().starts_with(".meros-")) newest = std::max(newest, file.last_write_time());
  for (const auto& file : files)
    if (file.last_write_time() > newest - doubtful && !file.path().filename().string().starts_with(".meros-"))
      fs::remove(file.path());
}

}  // namespace

KernelObjects::KernelObjects(fs::path directory) : directory_(std::move(directory)) {
  make_directories(directory_, 0755);
  const fs::path lock = directory_ / lock_name;
  wait_until_unlocked(lock, Deadline::never());
  lock_ = open_file(lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!try_inherited_lock(lock_)) throw BusyError("another build works in '" + directory_.string() + "'");
  if (fs::exists(directory_ / unfinished_name)) remove_doubtful(directory_);
}

std::uint64_t KernelObjects::steps_done() const {
  std::uint64_t steps = 0;
  for (const auto& file : files_below(directory_))
    if (file.path().extension() == ".cmd") ++steps;
  return steps;
}

void KernelObjects::begin() { replace_file(directory_ / unfinished_name, "", 0644, Durability::process_crash_only); }

void KernelObjects::done() { fs::remove(directory_ / unfinished_name); }

}  // namespace meros::image
