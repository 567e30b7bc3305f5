#include "image/overlay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace fs = std::filesystem;

namespace meros::image {

Overlay::Overlay(const std::vector<fs::path>& layers, const fs::path& work) : work_(work) {
  for (const char* name : {"upper", "work", "merged"}) fs::create_directories(work_ / name);
  fs::permissions(upper(), fs::perms(0755));
  // By descriptor: paths may be long, and have the colons and commas that separate options.
  std::vector<Fd> open;
  std::string lower;
  for (const auto& layer : layers) {
    open.push_back(open_file(layer, O_PATH | O_DIRECTORY));
    lower += (lower.empty() ? "" : ":") + proc_path(open.back());
  }
  const Fd top = open_file(upper(), O_PATH | O_DIRECTORY);
  const Fd scratch = open_file(work_ / "work", O_PATH | O_DIRECTORY);
  // volatile: a build that the host's crash interrupts is begun anew, so nothing is flushed for its sake.
  const std::string options =
      fmt::format("userxattr,volatile,lowerdir={},upperdir={},workdir={}", lower, proc_path(top), proc_path(scratch));
  if (::mount("overlay", merged().c_str(), "overlay", 0, options.c_str()) != 0) {
    const int error = errno;
    throw HostError(
        fmt::format("cannot mount an overlay in '{}': {}", work_.string(), SystemError("overlayfs", error).message()),
        "Linux 5.11, overlayfs and a data directory on ext4, xfs or btrfs are needed; 'meros doctor' says "
        "more");
  }
  mounted_ = true;
}

Overlay::~Overlay() {
  if (mounted_) ::umount2(merged().c_str(), MNT_DETACH);
}

void Overlay::unmount() {
  if (::umount2(merged().c_str(), 0) != 0) throw_errno(fmt::format("cannot unmount '{}'", merged().string()));
  mounted_ = false;
}

}  // namespace meros::image
