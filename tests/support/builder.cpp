#include "support/builder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "support/host.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

void cover(const std::string& file, const fs::path& place, const std::string& content) {
  const fs::path ours = place / fs::path(file).filename();
  std::ofstream(ours) << content;
  fs::permissions(ours, fs::perms(0644));
  if (::mount(ours.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0) throw_errno("cannot cover " + file);
}

}  // namespace

OrdinaryBuilder::OrdinaryBuilder(const fs::path& place) : former_(open_file("/proc/self/ns/mnt", O_RDONLY)) {
  if (::unshare(CLONE_NEWNS) != 0) throw_errno("cannot make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("cannot make mounts private");
  const std::string uid = std::to_string(ordinary_user().uid);
  cover("/etc/passwd", place, read_file("/etc/passwd") + "builder:x:" + uid + ":" + uid + "::/nonexistent:/bin/sh\n");
  cover("/etc/subuid", place, "builder:200000:65536\n");
  cover("/etc/subgid", place, "builder:300000:65536\n");
}

OrdinaryBuilder::~OrdinaryBuilder() { ::setns(former_.get(), CLONE_NEWNS); }

}  // namespace meros::test
