#include "image/package_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "image/alpine.h"
#include "image/archives.h"
#include "image/sha256.h"
#include "image/stage.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// What is asked for anew shall not be older than the mirrors of yesterday.
constexpr std::chrono::hours lists_last{24};

bool are_old(const fs::path& lists) {
  std::error_code error;
  const auto time = fs::last_write_time(lists / "updated", error);
  return !error && fs::file_time_type::clock::now() - time > lists_last;
}

std::string lists_name(const RootfsSpec& spec) {
  return entry_name("lists", sha256_of(Json{{"distribution", to_string(spec.distribution)},
                                            {"arch", to_string(spec.arch)},
                                            {"mirrors", mirrors_of(spec)},
                                            {"keyring", spec.keyring.string()}}
                                           .dump(-1, ' ', false, Json::error_handler_t::replace)));
}

}  // namespace

bool Run::is_fresh(const std::string& name) const {
  const std::lock_guard guard(mutex_);
  return fresh_.contains(name);
}

bool Run::is_stale(const std::string& name) const { return (options_.no_cache || options_.pull) && !is_fresh(name); }

void Run::made(const std::string& name) {
  const std::lock_guard guard(mutex_);
  fresh_.insert(name);
}

std::optional<std::string> base_url(const std::string& line) {
  const auto options_end = line.find(']');
  const std::string rest = options_end == std::string::npos ? line : line.substr(options_end + 1);
  for (const auto& word : split(rest, ' '))
    for (const char* scheme : {"http://", "https://", "file:"})
      if (word.starts_with(scheme)) return word;
  return std::nullopt;
}

PackageChoice::PackageChoice(const RootfsSpec& spec, std::vector<std::string> mirrors, Run& run, const Site& site,
                             Reporter& reporter)
    : spec_(spec), mirrors_(std::move(mirrors)), run_(run), site_(site), reporter_(reporter) {}

LockKey PackageChoice::key_of(const std::string& stage) const {
  LockKey key{
      stage,   std::string(to_string(spec_.distribution)), spec_.release, std::string(to_string(spec_.arch)), {},
      mirrors_};
  if (stage == "packages") key.asked = spec_.packages;
  if (stage == "kernel") key.asked = {brings_kernel(spec_) ? "busybox-static" : cloud_kernel_package(spec_)};
  std::ranges::sort(key.asked);
  key.asked.erase(std::unique(key.asked.begin(), key.asked.end()), key.asked.end());
  return key;
}

std::optional<PackageSet> PackageChoice::locked(const std::string& stage) const {
  if (run_.options().pull) return std::nullopt;
  auto set = run_.lock().find(key_of(stage));
  if (set || !run_.options().locked) return set;
  const auto asked = key_of(stage).asked;
  const std::string what = stage == "base" ? "a base" : asked.empty() ? stage : "'" + join(asked, " ") + "'";
  const fs::path file = run_.lock().path();
  if (!run_.lock().exists())
    throw InvalidError(fmt::format("--locked: there is no '{}'", file.string()), "a build without --locked writes it");
  throw InvalidError(fmt::format("--locked: '{}' has no packages for {} of {} {} ({})", file.string(), what,
                                 to_string(spec_.distribution), spec_.release, to_string(spec_.arch)),
                     "a build without --locked adds them");
}

fs::path PackageChoice::answer_file(const std::string& stage, const std::string& question) const {
  return site_.cache().directory() / "answers" / (entry_name(stage, question) + ".json");
}

std::optional<PackageSet> PackageChoice::known(const std::string& stage, const std::string& question) const {
  if (is_left_to_apk(stage)) {
    if (run_.options().locked)
      throw InvalidError("--locked: the packages of Alpine are not recorded, only its minirootfs is",
                         "build this machine without --locked");
    return PackageSet();
  }
  if (auto set = locked(stage)) return set;
  const fs::path file = answer_file(stage, question);
  if (run_.is_stale(file.filename())) return std::nullopt;
  const auto text = read_file_if_exists(file);
  if (!text) return std::nullopt;
  try {
    return package_set_from(parse_json(*text, file.string()));
  } catch (const InvalidError& e) {
    reporter_.warn(fmt::format("'{}': {}; asking again", file.string(), e.message()));
    return std::nullopt;
  }
}

void PackageChoice::choose(const std::string& stage, const std::string& question, const fs::path& status,
                           const std::function<void(const PackageSet&)>& use) const {
  PackageSet set = known(stage, question).value_or(PackageSet());
  if (!known(stage, question)) set = resolved(stage, question, status, false);
  try {
    use(set);
  } catch (const MissingPackages&) {
    if (locked(stage)) throw;
    set = resolved(stage, question, status, true);
    use(set);
  }
  if (!is_left_to_apk(stage)) run_.lock().take(key_of(stage), set);
}

bool PackageChoice::is_left_to_apk(const std::string& stage) const {
  return spec_.distribution == Distribution::alpine && stage != "base";
}

PackageSet PackageChoice::resolved(const std::string& stage, const std::string& question, const fs::path& status,
                                   bool again) const {
  const fs::path file = answer_file(stage, question);
  const Held lists = site_.cache().hold(lists_name(spec_), Hold::make, reporter_);
  // Another machine of this build may have asked while we waited.
  if (!again)
    if (auto answered = known(stage, question)) return *answered;
  PackageSet set = ask(stage, status, again);
  make_directories(file.parent_path(), 0700);
  replace_file(file, to_json(set).dump() + "\n");
  run_.made(file.filename());
  return set;
}

PackageSet PackageChoice::ask(const std::string& stage, const fs::path& status, bool again) const {
  if (spec_.distribution == Distribution::alpine) {
    const Held alone = site_.cache().hold("archives", Hold::make, reporter_);
    return resolve_minirootfs(spec_, archives(), reporter_);
  }
  const std::string name = lists_name(spec_);
  const fs::path lists = site_.cache().directory() / name;
  const bool fresh = run_.is_fresh(name);
  ResolveInputs inputs{spec_, stage, lists, status, Lists::as_they_are};
  if (again || run_.is_stale(name) || (!fresh && are_old(lists))) inputs.wanted = Lists::anew;
  Json packages;
  try {
    packages = site_.run("resolve", to_json(inputs), {}, {});
  } catch (const Error&) {
    // What the lists do not have may be on the mirrors by now.
    if (inputs.wanted == Lists::anew || fresh || !fs::exists(lists / "updated")) throw;
    inputs.wanted = Lists::anew;
    packages = site_.run("resolve", to_json(inputs), {}, {});
  }
  run_.made(name);
  return package_set_from(packages);
}

void PackageChoice::fetch(const PackageSet& set) const {
  ArchiveRequest request{archives(), set, {}, run_.options().mirror.has_value()};
  for (const auto& line : mirrors_of(spec_))
    if (auto url = base_url(line)) request.bases.push_back(std::move(*url));
  const Held alone = site_.cache().hold("archives", Hold::make, reporter_);
  image::fetch(request, reporter_);
}

}  // namespace meros::image
