// A volume appears whole or not at all: it is filled under a hidden name and renamed. It goes the same way back.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "machine/home.h"

namespace meros::machine {

// <volumes>/.new-<machine>-XXXXXX, removed at the end of its life unless committed.
class NewVolume {
 public:
  NewVolume(const Home& home, const MachineId& id);
  NewVolume(const NewVolume&) = delete;
  NewVolume& operator=(const NewVolume&) = delete;
  ~NewVolume();
  const std::filesystem::path& path() const { return path_; }
  // Gives it its name. BusyError when that exists.
  void commit(const std::filesystem::path& name);

 private:
  std::filesystem::path path_;
};

// Renames the volume out of sight and removes it. No effect when there is none.
void discard_volume(const Home& home, const MachineId& id);

// What killed verbs left under hidden names. The machine part of the name tells whose verb lock to ask.
struct Leftover {
  std::filesystem::path path;
  MachineId id;
};
std::vector<Leftover> leftover_volumes(const Home& home);

}  // namespace meros::machine
