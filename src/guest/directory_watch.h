// Something to poll for changes in directories: files that are made, written, renamed or removed there (inotify(7)).
#pragma once

#include <filesystem>
#include <string>

#include "base/deadline.h"
#include "base/fd.h"

namespace meros::guest {

class DirectoryWatch {
 public:
  DirectoryWatch();

  // Watches one more; the same one again is no matter. False where it is not there (any more). SystemError where the
  // host has no watches left (fs.inotify.max_user_watches).
  bool add(const std::string& path);
  bool add(const Fd& directory) { return add(proc_path(directory)); }

  // Readable when something changed since clear().
  const Fd& descriptor() const { return inotify_; }
  // Returns whether a watched directory was itself moved or removed among the changes.
  bool clear();

 private:
  Fd inotify_;
};

// Until something changed in the watched directories, the supervisor of the machine of `volume` ends, or the deadline;
// what changed is then cleared. SystemError.
void wait_for_change(DirectoryWatch& watch, const std::filesystem::path& volume, Deadline deadline);

}  // namespace meros::guest
