// What a test left behind.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace meros::test {

// Remembers, at the beginning of its life, the links and mounts of the namespaces we are in, named network namespaces,
// our descendants and everything that belongs to `home` (processes, sockets, files). Orphans become our children from
// then on, so that nothing gets away.
class LeakCheck {
 public:
  explicit LeakCheck(std::filesystem::path home);

  // What is there and was not, one line each: "link tap0", "process 12: qemu-system-x86_64 …", "file data/x". Waits a
  // moment for what is about to end. Directories and the lock files of the verbs, which are never unlinked, do not
  // count.
  std::vector<std::string> found() const;

 private:
  std::set<std::string> look() const;
  std::filesystem::path home_;
  std::set<std::string> before_;
};

}  // namespace meros::test
