// A data directory of a figure's own, and the programs that work in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/file.h"
#include "base/json.h"

namespace meros::bench {

std::filesystem::path meros_program();
std::filesystem::path guest(const std::string& name);  // "tiny", "halt": tests/guests
constexpr auto ready_line = "meros tiny guest ready";

// What runs machines here.
struct Vmm {
  std::string title;   // "QEMU microvm, TCG"
  std::string driver;  // as --driver takes it
  std::string program;
  std::string accel;
};
// QEMU where it is installed, and Firecracker where $MEROS_TEST_FIRECRACKER names it.
std::vector<Vmm> vmms();

class World {
 public:
  // Below $MEROS_BENCH_DIR or the build directory: both are disks, as a data directory is. Or in a given place.
  World();
  explicit World(const std::filesystem::path& parent);
  ~World();  // deletes the machines, too
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const std::filesystem::path& path() const { return directory_.path(); }
  std::filesystem::path data_dir() const { return path() / "data"; }
  std::filesystem::path volume(const std::string& machine) const { return data_dir() / "volumes" / machine; }

  Command meros(std::vector<std::string> arguments) const;
  // Runs it; Error with its words when it fails. Its stdout.
  std::string must(std::vector<std::string> arguments) const;
  // `meros create NAME` on that VMM with that guest, 128 MiB and no network.
  void create(const std::string& name, const Vmm& vmm, const std::string& guest_name) const;
  Json info(const std::string& name) const;

 private:
  TemporaryDirectory directory_;
};

// From before the process is made to after it has ended, in ms; Error when it fails.
double time_to_end(const Command& command);

// Waits until a machine's console.log grows by a text that comes after what was there when this was made.
class ConsoleLog {
 public:
  explicit ConsoleLog(const std::filesystem::path& volume);
  // TimeoutError after half a minute.
  void wait_for(std::string_view text);

 private:
  bool take_in();
  std::filesystem::path file_;
  Fd watch_;
  std::uintmax_t offset_ = 0;
  std::string text_;
};

}  // namespace meros::bench
