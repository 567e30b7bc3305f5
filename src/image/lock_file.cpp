#include "image/lock_file.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

LockKey key_from(const Json& json) {
  return {get<std::string>(json, "stage"),
          get<std::string>(json, "distribution"),
          get<std::string>(json, "release"),
          get<std::string>(json, "arch"),
          get_or<std::vector<std::string>>(json, "asked", {}),
          get_or<std::vector<std::string>>(json, "mirrors", {})};
}

// A package a line: so that a change is seen as what it is.
std::string text_of(const std::map<LockKey, PackageSet>& sets) {
  std::string text = fmt::format("{{\n  \"schema_version\": {},\n  \"sets\": [", lock_schema_version);
  std::string_view before_set = "\n";
  for (const auto& [key, set] : sets) {
    text += fmt::format("{}    {{\"stage\": {}, \"distribution\": {}, \"release\": {}, \"arch\": {}", before_set,
                        Json(key.stage).dump(), Json(key.distribution).dump(), Json(key.release).dump(),
                        Json(key.arch).dump());
    if (!key.asked.empty()) text += fmt::format(",\n     \"asked\": {}", Json(key.asked).dump());
    if (!key.mirrors.empty()) text += fmt::format(",\n     \"mirrors\": {}", Json(key.mirrors).dump());
    text += ",\n     \"packages\": [";
    std::string_view before_package = "\n";
    for (const auto& p : set) {
      text += fmt::format("{}       {{\"name\": {}, \"version\": {}, \"arch\": {}, \"sha256\": {}, \"url\": {}}}",
                          before_package, Json(p.name).dump(), Json(p.version).dump(), Json(p.arch).dump(),
                          Json(p.sha256).dump(), Json(p.url).dump());
      before_package = ",\n";
    }
    text += "]}";
    before_set = ",\n";
  }
  return text + "]\n}\n";
}

}  // namespace

LockFile::LockFile(fs::path path) : path_(std::move(path)) {
  if (path_.empty()) return;
  exists_ = fs::exists(path_);
  sets_ = read(path_);
}

LockFile::Sets LockFile::read(const fs::path& path) {
  Sets sets;
  const auto text = read_file_if_exists(path);
  if (!text) return sets;
  try {
    const Json json = parse_json(*text, path.filename().string());
    if (const int version = get<int>(json, "schema_version"); version > lock_schema_version)
      throw InvalidError(
          fmt::format("it has schema version {}, and this meros knows {}", version, lock_schema_version));
    for (const auto& set : get<Json>(json, "sets")) sets[key_from(set)] = package_set_from(get<Json>(set, "packages"));
  } catch (InvalidError& e) {
    e.add_context(fmt::format("cannot read '{}'", path.string()));
    e.suggest("'meros build --pull' writes it anew once it is out of the way");
    throw;
  }
  return sets;
}

std::optional<PackageSet> LockFile::find(const LockKey& key) const {
  const std::lock_guard guard(mutex_);
  const auto found = sets_.find(key);
  if (found == sets_.end()) return std::nullopt;
  return found->second;
}

void LockFile::take(const LockKey& key, const PackageSet& set) {
  const std::lock_guard guard(mutex_);
  taken_[key] = set;
}

void LockFile::save(bool only_taken) {
  const std::lock_guard guard(mutex_);
  if (path_.empty() || taken_.empty()) return;
  Sets sets = taken_;
  // As it is by now: another build of other machines may have written its own.
  if (!only_taken) sets.merge(read(path_));
  if (sets == sets_ && exists_) return;
  replace_file(path_, text_of(sets));
  sets_ = std::move(sets);
  exists_ = true;
}

}  // namespace meros::image
