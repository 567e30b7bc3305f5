// Where machines live: the directories of the two programs.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace meros::machine {

enum class Face { meros, mergenc };  // which program we are, by the name we were started under

struct Home {
  Face face = Face::meros;
  std::filesystem::path data_dir;     // absolute; the working directory for mergenc
  std::filesystem::path volumes_dir;  // data/volumes, or volumes
  std::filesystem::path images_dir;   // templates: data/disks, or images
  std::filesystem::path supervisor;   // the program meros-supervisor

  std::filesystem::path locks_dir() const { return volumes_dir / ".locks"; }
  // The directory of a constellation's network and its holder (network/holder.h).
  std::filesystem::path network_dir(const std::string& name) const { return data_dir / "networks" / name; }
};

// `--data-dir`, else $MEROS_DATA_DIR, else `data` searched upward from the working directory, else ./data (made when
// the first thing is written). The supervisor is beside our own program, in ../libexec/meros or ../lib/meros, or
// $MEROS_SUPERVISOR.
Home find_meros_home(const std::optional<std::string>& data_dir);
Home find_mergenc_home(const std::string& images_dir, const std::string& volumes_dir);

// A machine's place: its name, and the constellation it belongs to ("" for a machine of `create`).
struct MachineId {
  std::string constellation;
  std::string name;
  std::string to_string() const { return constellation.empty() ? name : constellation + "/" + name; }
  auto operator<=>(const MachineId&) const = default;
};

std::filesystem::path volume_of(const Home& home, const MachineId& id);
std::filesystem::path lock_file_of(const Home& home, const MachineId& id);

// Every machine that has a config.json, in name order. Directories without one are not machines.
std::vector<MachineId> list_machines(const Home& home);

// TARGET: "C/VM", a "VM" whose name is unique, or "C" for all its machines.
// NotFoundError "no such machine 'x'" with the nearest name; InvalidError for a bad name; BusyError never.
std::vector<MachineId> resolve_target(const Home& home, const std::string& target);
// The same where just one will do; UsageError when the target means several.
MachineId resolve_machine(const Home& home, const std::string& target);

}  // namespace meros::machine
