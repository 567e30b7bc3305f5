// An overlay mount (overlayfs) of cache entries, as root of the user namespace or of the host: `userxattr`, so that it
// needs no privilege over the file system below (Linux 5.11).
#pragma once

#include <filesystem>
#include <vector>

namespace meros::image {

class Overlay {
 public:
  // `layers` from the top down, at least one; they are only read. `work` is an absent directory in which "upper",
  // "work" and "merged" are made. HostError where the kernel or the file system of `work` cannot.
  Overlay(const std::vector<std::filesystem::path>& layers, const std::filesystem::path& work);
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;
  ~Overlay();

  std::filesystem::path upper() const { return work_ / "upper"; }    // what was changed
  std::filesystem::path merged() const { return work_ / "merged"; }  // the whole
  // No more changes; upper() stays.
  void unmount();

 private:
  std::filesystem::path work_;
  bool mounted_ = false;
};

}  // namespace meros::image
