#include "machine/new_volume.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

constexpr std::string_view new_prefix = ".new-";
constexpr std::string_view gone_prefix = ".gone-";

std::string hidden_name(const Home& home, std::string_view prefix, const MachineId& id) {
  // '.' is in no name: it parts constellation, machine and the random end.
  return (home.volumes_dir / (std::string(prefix) + id.constellation + "." + id.name + ".XXXXXX")).string();
}

void give_to_invoking_user(const fs::path& directory) {
  const Owner owner = invoking_user();
  if (::geteuid() == 0 && owner.uid != 0 && ::chown(directory.c_str(), owner.uid, owner.gid) != 0)
    throw_errno("cannot change the owner of '" + directory.string() + "'");
}

}  // namespace

NewVolume::NewVolume(const Home& home, const MachineId& id) {
  make_directories(home.volumes_dir);
  std::string name = hidden_name(home, new_prefix, id);
  if (::mkdtemp(name.data()) == nullptr) throw_errno("cannot make a directory in '" + home.volumes_dir.string() + "'");
  path_ = name;
  // The VMM's user must pass through to its working directory; what is in it is closed to others one by one.
  if (::chmod(path_.c_str(), 0711) != 0) throw_errno("cannot set the mode of '" + name + "'");
  give_to_invoking_user(path_);
}

NewVolume::~NewVolume() {
  std::error_code ignored;  // what stays has a hidden name that gc knows
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void NewVolume::commit(const fs::path& name) {
  make_directories(name.parent_path());
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) throw BusyError("'" + name.string() + "' exists already", "choose another name");
    throw_errno("cannot give the volume its name '" + name.string() + "'");
  }
  path_.clear();
}

void discard_volume(const Home& home, const MachineId& id) {
  std::string hidden = hidden_name(home, gone_prefix, id);
  if (::mkdtemp(hidden.data()) == nullptr)
    throw_errno("cannot make a directory in '" + home.volumes_dir.string() + "'");
  const fs::path volume = volume_of(home, id);
  // Over an empty directory of the fresh name: rename(2) replaces it.
  const bool renamed = ::rename(volume.c_str(), hidden.c_str()) == 0;
  const int error = errno;
  std::error_code failure;
  fs::remove_all(hidden, failure);
  if (!renamed && error != ENOENT) throw SystemError("cannot remove the volume '" + volume.string() + "'", error);
  if (failure)
    throw Error("cannot remove all of the volume (now '" + hidden + "'): " + failure.message(),
                "run it again as the files' owner, or 'meros gc'");
  if (!id.constellation.empty()) ::rmdir(volume.parent_path().c_str());  // the last one's directory goes too
}

std::vector<Leftover> leftover_volumes(const Home& home) {
  std::vector<Leftover> found;
  if (!fs::is_directory(home.volumes_dir)) return found;
  for (const auto& entry : fs::directory_iterator(home.volumes_dir)) {
    std::string name = entry.path().filename().string();
    for (const auto prefix : {new_prefix, gone_prefix}) {
      if (!name.starts_with(prefix)) continue;
      const auto parts = split(std::string_view(name).substr(prefix.size()), '.');
      if (parts.size() == 3 && is_valid_name(parts[1])) found.push_back({entry.path(), {parts[0], parts[1]}});
    }
  }
  return found;
}

}  // namespace meros::machine
