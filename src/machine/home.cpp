#include "machine/home.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "machine/state.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

fs::path find_supervisor() {
  if (const char* named = std::getenv("MEROS_SUPERVISOR"); named != nullptr && *named != '\0') return named;
  const fs::path own = fs::read_symlink("/proc/self/exe").parent_path();
  for (const auto* place : {"meros-supervisor", "../libexec/meros/meros-supervisor", "../lib/meros/meros-supervisor"}) {
    fs::path candidate = (own / place).lexically_normal();
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return own / "meros-supervisor";  // start will say that it is not there
}

fs::path find_data_dir(const std::optional<std::string>& asked) {
  if (asked) return fs::absolute(*asked);
  if (const char* set = std::getenv("MEROS_DATA_DIR"); set != nullptr && *set != '\0') return fs::absolute(set);
  const fs::path here = fs::current_path();
  for (fs::path at = here;; at = at.parent_path()) {
    // A `data` that something else made is not ours: ours has one of the directories that we make there.
    for (const auto* sign : {"volumes", "disks", "cache"})
      if (fs::is_directory(at / "data" / sign)) return at / "data";
    if (at == at.parent_path()) return here / "data";
  }
}

bool is_machine(const fs::path& volume) { return ::access((volume / names::config).c_str(), F_OK) == 0; }

// The names of the directory's entries that could be a machine's or a constellation's.
std::vector<std::string> entries_of(const fs::path& directory) {
  const auto close = [](DIR* d) { ::closedir(d); };
  const std::unique_ptr<DIR, decltype(close)> open(::opendir(directory.c_str()), close);
  std::vector<std::string> found;
  if (!open) {
    if (errno == ENOENT || errno == ENOTDIR) return found;
    throw_errno("cannot read the directory '" + directory.string() + "'");
  }
  while (const dirent* entry = ::readdir(open.get()))
    if (is_valid_name(entry->d_name)) found.emplace_back(entry->d_name);
  std::sort(found.begin(), found.end());
  return found;
}

std::string choices(const std::vector<MachineId>& found) {
  std::vector<std::string> all;
  for (const auto& id : found) all.push_back(id.to_string());
  return join(all, ", ");
}

[[noreturn]] void no_such_machine(const Home& home, const std::string& target) {
  std::vector<std::string> known;
  for (const auto& id : list_machines(home)) {
    known.push_back(id.to_string());
    known.push_back(id.name);
  }
  const auto meant = nearest(target, known);
  throw NotFoundError(
      "no such machine '" + target + "'",
      meant ? "did you mean '" + *meant + "'?" : "machines are looked for in '" + home.volumes_dir.string() + "'");
}

}  // namespace

Home find_meros_home(const std::optional<std::string>& data_dir) {
  Home home;
  home.face = Face::meros;
  home.data_dir = find_data_dir(data_dir).lexically_normal();
  home.volumes_dir = home.data_dir / "volumes";
  home.images_dir = home.data_dir / "disks";
  home.supervisor = find_supervisor();
  return home;
}

Home find_mergenc_home(const std::string& images_dir, const std::string& volumes_dir) {
  Home home;
  home.face = Face::mergenc;
  home.data_dir = fs::current_path();
  home.volumes_dir = fs::absolute(volumes_dir).lexically_normal();
  home.images_dir = fs::absolute(images_dir).lexically_normal();
  home.supervisor = find_supervisor();
  return home;
}

fs::path volume_of(const Home& home, const MachineId& id) {
  return id.constellation.empty() ? home.volumes_dir / id.name : home.volumes_dir / id.constellation / id.name;
}

fs::path lock_file_of(const Home& home, const MachineId& id) {
  // A '.' is in no name, so that no two machines share a file.
  return home.locks_dir() / (id.constellation.empty() ? id.name : id.constellation + "." + id.name);
}

std::vector<MachineId> list_machines(const Home& home) {
  std::vector<MachineId> found;
  for (const auto& entry : entries_of(home.volumes_dir)) {
    const fs::path place = home.volumes_dir / entry;
    if (is_machine(place)) {
      found.push_back({"", entry});
      continue;
    }
    for (const auto& inner : entries_of(place))
      if (is_machine(place / inner)) found.push_back({entry, inner});
  }
  return found;
}

std::vector<MachineId> resolve_target(const Home& home, const std::string& target) {
  if (const auto slash = target.find('/'); slash != std::string::npos) {
    const MachineId id{target.substr(0, slash), target.substr(slash + 1)};
    check_name(id.constellation, "constellation name");
    check_name(id.name, "machine name");
    if (!is_machine(volume_of(home, id))) no_such_machine(home, target);
    return {id};
  }
  check_name(target, "machine name");
  if (is_machine(home.volumes_dir / target)) return {{"", target}};
  std::vector<MachineId> of_that_name;
  std::vector<MachineId> of_that_constellation;
  for (const auto& id : list_machines(home)) {
    if (id.name == target) of_that_name.push_back(id);
    if (id.constellation == target) of_that_constellation.push_back(id);
  }
  if (of_that_name.empty() && of_that_constellation.empty()) no_such_machine(home, target);
  if (of_that_name.empty()) return of_that_constellation;
  if (of_that_name.size() > 1 || !of_that_constellation.empty())
    throw UsageError("'" + target + "' means more than one thing",
                     "name one of: " + choices(of_that_name) +
                         (of_that_constellation.empty() ? "" : ", " + choices(of_that_constellation)));
  return of_that_name;
}

MachineId resolve_machine(const Home& home, const std::string& target) {
  auto found = resolve_target(home, target);
  if (found.size() == 1) return std::move(found.front());
  throw UsageError("'" + target + "' is a constellation of " + std::to_string(found.size()) +
                       " machines, and one machine is wanted here",
                   "name one of: " + choices(found));
}

}  // namespace meros::machine
