// Debian's cloud kernel and an initramfs of busybox and the virtio modules.
#pragma once

#include <filesystem>
#include <string>

namespace meros::test {

struct LinuxGuest {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string lacking;  // why there is none; empty when there is
};

// Made by tests/e2e/guest/make and kept in the build directory. Call it where the host's network is reached.
const LinuxGuest& linux_guest();

}  // namespace meros::test
