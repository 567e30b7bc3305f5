// A volume with a tiny guest in it, and the Firecrackers to run it with.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/deadline.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "vmm/driver.h"

namespace meros::vmm::firecracker {

// For a loaded host; nobody waits that long unless the test fails.
constexpr std::chrono::seconds patience{20};

// The stand-in, and the real one where $MEROS_TEST_FIRECRACKER names it.
struct Binary {
  std::string name;
  std::filesystem::path path;
};
std::vector<Binary> binaries();
void PrintTo(const Binary& binary, std::ostream* stream);
std::string name_of(const testing::TestParamInfo<Binary>& info);

Disk raw_disk(std::string path);

class World {
 public:
  World();

  const std::filesystem::path& path() const { return directory_.path(); }
  const Fd& volume() const { return volume_; }
  // Makes a file in the volume.
  void write(const std::string& name, std::string_view content, mode_t mode = 0644) const;
  // Makes a script in the volume; its path.
  std::string script(std::string_view body) const;

  // Starts it, with `user` as the owner of run/.
  std::unique_ptr<Vmm> launch(const std::string& binary);
  // Starts and boots it.
  std::unique_ptr<Vmm> boot(const std::string& binary);
  // Starts and boots it, which fails: the error, copied.
  Error failure(const std::string& binary);

  Spec spec;
  std::optional<Command::Credentials> user;

 private:
  TemporaryDirectory directory_;
  Fd volume_;
};

// Reads until `text` has come, or nothing more does; all that was read.
std::string read_until(const Fd& fd, std::string_view text);

}  // namespace meros::vmm::firecracker
