// The initial RAM disk that finds a virtual machine's root disk: busybox, the modules that takes, and an /init that
// loads them, mounts the root and gives way to its first process. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace meros::image {

// What the root disk can be behind: virtio over PCI and memory-mapped, and ext4.
const std::vector<std::string>& initrd_modules();

// The files of modules and all that they need, each after what it needs. `modules_dep` is the text of depmod(8)'s
// modules.dep; names without a file (built into the kernel) are passed over. Paths are as in modules.dep.
std::vector<std::string> load_order(std::string_view modules_dep, const std::vector<std::string>& names);

// The script /init. `modules`: names of files in /modules, in the order of their loading.
std::string init_script(const std::vector<std::string>& modules);

// A cpio archive of the "newc" kind (initramfs buffer format in the kernel's documentation), every time 0.
class CpioArchive {
 public:
  void add_directory(const std::string& path);
  void add_file(const std::string& path, std::string_view content, unsigned mode);
  // The whole archive, ended and padded.
  std::string finish();

 private:
  void add(const std::string& path, unsigned mode, std::string_view content);
  void pad();
  std::string bytes_;
  unsigned next_inode_ = 1;
};

// `modules`: file name -> content, in the order of their loading.
std::string make_initrd(std::string_view busybox, const std::vector<std::pair<std::string, std::string>>& modules);

}  // namespace meros::image
