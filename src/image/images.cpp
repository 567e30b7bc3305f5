#include "image/images.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "image/stages.h"
#include "image/worker.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

fs::path cache_of(const machine::Home& home) { return home.data_dir / "cache"; }

std::uint64_t bytes_of(const fs::path& file) {
  struct stat info {};
  return ::lstat(file.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
}

// Directories of other users of the image are closed to us.
std::uint64_t bytes_below(const fs::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(directory, options, error), end; !error && entry != end;
       entry.increment(error))
    bytes += bytes_of(entry->path());
  return bytes;
}

std::int64_t time_of(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return 0;
  return std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

std::string title(const Built& built) { return built.constellation + "/" + built.machine; }

// Entry of the cache -> the images that stand on it.
std::map<std::string, std::vector<std::string>> uses(const std::vector<Built>& images) {
  std::map<std::string, std::vector<std::string>> users;
  for (const auto& built : images)
    for (const auto& [stage, hash] : {std::pair{"base", built.stages.base},
                                      {"packages", built.stages.packages},
                                      {"kernel", built.stages.kernel},
                                      {"customised", built.stages.customised}})
      if (!hash.empty()) users[entry_name(stage, hash)].push_back(title(built));
  return users;
}

void remove_files(const fs::path& images_dir, const Built& built) {
  // The JSON first: without it the image is a file like any other.
  fs::remove(disk_file(images_dir, built.constellation, built.machine, ".json"));
  fs::remove(images_dir / built.rootfs);
  if (built.kernel) fs::remove(images_dir / *built.kernel);
  if (built.initrd) fs::remove(images_dir / *built.initrd);
}

// A kernel's sources and objects are files of the caller's own: no namespace is needed to remove them.
bool is_plain_tree(const fs::path& tree) {
  std::string name = tree.filename();
  if (name.starts_with(".new-")) name = name.substr(5);
  return name.starts_with("source-") || name.starts_with("objects-");
}

void remove_trees(std::vector<fs::path> trees) {
  const auto plain =
      std::stable_partition(trees.begin(), trees.end(), [](const auto& tree) { return !is_plain_tree(tree); });
  std::for_each(plain, trees.end(), [](const auto& tree) { fs::remove_all(tree); });
  trees.erase(plain, trees.end());
  if (!trees.empty()) Workshop().remove(trees);
}

// The lock's name of an entry; one that is unfinished has that of the finished.
std::string lock_name(const CacheEntry& entry) {
  constexpr std::string_view prefix = ".new-";
  return entry.name.starts_with(prefix) ? entry.name.substr(prefix.size(), entry.name.find("-former") - prefix.size())
                                        : entry.name;
}

// The files of packages that no stage which is left was made from; none while a build may be about to use them.
std::size_t prune_archives(const Cache& cache) {
  const auto alone = cache.try_hold(archives_in_use, Hold::make);
  const fs::path archives = cache.directory() / "archives";
  if (!alone || !fs::is_directory(archives)) return 0;
  std::set<std::string> used;
  for (const auto& entry : list_entries(cache.directory()))
    if (fs::exists(entry.path / "entry.json"))
      for (const auto& package : read_facts(entry.path).set) used.insert(package.sha256);
  std::size_t files = 0;
  for (const auto& file : fs::directory_iterator(archives)) {
    if (used.contains(file.path().stem().string())) continue;
    if (file.path().extension() == ".deb" || file.path().extension() == ".archive") ++files;
    fs::remove(file.path());
  }
  return files;
}

}  // namespace

std::vector<Built> list_built(const fs::path& images_dir) {
  std::vector<Built> images;
  if (!fs::is_directory(images_dir)) return images;
  for (const auto& entry : fs::directory_iterator(images_dir)) {
    if (entry.path().extension() != ".json") continue;
    try {
      if (auto built = read_built_file(entry.path())) images.push_back(std::move(*built));
    } catch (const InvalidError&) {
      // Such a file is beside a kernel, too (kernel-build).
      continue;
    }
  }
  std::ranges::sort(images, {}, title);
  return images;
}

std::vector<ImageRow> list_images(const machine::Home& home) {
  std::vector<ImageRow> rows;
  const auto images = list_built(home.images_dir);
  for (const auto& built : images)
    rows.push_back({title(built),
                    built.distribution + " " + built.release,
                    bytes_of(home.images_dir / built.rootfs),
                    built.built_at,
                    {}});
  const auto users = uses(images);
  if (const fs::path archives = cache_of(home) / "archives"; fs::is_directory(archives))
    rows.push_back({"archives", "files of packages", bytes_below(archives), time_of(archives), {}});
  for (const auto& entry : list_entries(cache_of(home))) {
    const auto known = users.find(entry.name);
    rows.push_back({entry.name, entry.stage, bytes_below(entry.path), time_of(entry.path),
                    known == users.end() ? std::vector<std::string>() : known->second});
  }
  return rows;
}

void remove_image(const machine::Home& home, const std::string& name, Reporter& reporter) {
  if (const auto slash = name.find('/'); slash != std::string::npos) {
    const std::string constellation = name.substr(0, slash);
    const std::string machine = name.substr(slash + 1);
    check_name(constellation, "constellation name");
    check_name(machine, "machine name");
    const Cache cache(cache_of(home));
    const Held alone = cache.hold(image_lock(constellation, machine), Hold::make, reporter);
    const auto built = read_built(home.images_dir, constellation, machine);
    if (!built) throw NotFoundError(fmt::format("there is no image of '{}'", name), "'meros image ls' lists them");
    return remove_files(home.images_dir, *built);
  }
  const auto entries = list_entries(cache_of(home));
  const auto found = std::ranges::find(entries, name, &CacheEntry::name);
  if (found == entries.end())
    throw NotFoundError(fmt::format("there is no image or stage '{}'", name), "'meros image ls' lists them");
  const Cache cache(cache_of(home));
  const auto alone = cache.try_hold(lock_name(*found), Hold::make);
  if (!alone) throw BusyError(fmt::format("'{}' is used by a build", name));
  remove_trees({found->path});
}

std::vector<std::string> prune(const machine::Home& home, Prune what) {
  std::vector<std::string> removed;
  if (!fs::is_directory(cache_of(home))) return removed;
  const auto entries = list_entries(cache_of(home));
  const auto users = uses(list_built(home.images_dir));
  const Cache cache(cache_of(home));
  std::vector<Held> alone;
  std::vector<fs::path> trees;
  for (const auto& entry : entries) {
    if (what == Prune::unused && users.contains(entry.name)) continue;
    // One lock a name: what is unfinished has that of the finished one, which may be ours already.
    auto held = cache.try_hold(lock_name(entry), Hold::make);
    if (!held && std::ranges::find(removed, lock_name(entry)) == removed.end()) continue;
    if (held) alone.push_back(std::move(*held));
    trees.push_back(entry.path);
    removed.push_back(entry.name);
  }
  remove_trees(std::move(trees));
  if (const std::size_t files = prune_archives(cache); files > 0)
    removed.push_back(fmt::format("{} files of packages", files));
  return removed;
}

}  // namespace meros::image
