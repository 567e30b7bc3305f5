// The images that were built and the stages that are kept for the next build: looked at, and freed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/report.h"
#include "image/built.h"
#include "image/cache.h"
#include "machine/home.h"

namespace meros::image {

struct ImageRow {
  std::string name;                  // "lab/web", or of the cache "base-0123…"
  std::string kind;                  // "debian bookworm", "base", "packages" …
  std::uint64_t bytes = 0;           // on the disk, as far as it can be seen
  std::int64_t made_at = 0;          // milliseconds since 1970
  std::vector<std::string> used_by;  // of the cache: the images that stand on it
};

// Every image of a build in images_dir; files that are none of ours are passed over.
std::vector<Built> list_built(const std::filesystem::path& images_dir);
// Images first, then the cache, each by name.
std::vector<ImageRow> list_images(const machine::Home& home);

// "C/VM": its image, kernel and initrd; "base-0123…": an entry of the cache. NotFoundError where there is none,
// BusyError while a build uses it. Machines keep the disks that they have.
void remove_image(const machine::Home& home, const std::string& name, Reporter& reporter);

// Removes the entries of the cache that no image stands on, and what killed builds left; with `all` every entry. Those
// that a build uses stay. Then the files of packages that no entry is made from. Returns the names of what was removed.
enum class Prune { unused, all };
std::vector<std::string> prune(const machine::Home& home, Prune what);

}  // namespace meros::image
