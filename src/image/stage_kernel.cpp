// The kernel: that of the machine's packages, else the distribution's for virtual machines, unpacked without its
// maintainer scripts (they would make a large initrd, which takes longer than all the rest); and an initrd of ours.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/archives.h"
#include "image/initrd.h"
#include "image/local_repository.h"
#include "image/overlay.h"
#include "image/room.h"
#include "image/root_tree.h"
#include "image/settled_times.h"
#include "image/stage.h"
#include "image/stage_alpine.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// In the overlay: the packages, and where they are unpacked.
constexpr auto kernel_place = "/.meros-kernel";
constexpr std::size_t largest_part = std::size_t{256} << 20;

void unpack(const Room& room, RootTree& root) {
  for (const auto& file : root.list(kernel_place))
    if (file.ends_with(".deb"))
      run_step(room, {"dpkg-deb", "--extract", fmt::format("{}/{}", kernel_place, file),
                      fmt::format("{}/files", kernel_place)});
}

// The newest by name, "6.1.0-13-cloud-amd64" after "6.1.0-9-cloud-amd64".
std::optional<std::string> newest_kernel(const RootTree& root, const std::string& boot) {
  std::optional<std::string> newest;
  constexpr std::string_view prefix = "vmlinuz-";
  for (const auto& file : root.list(boot)) {
    if (!file.starts_with(prefix)) continue;
    const std::string version = file.substr(prefix.size());
    if (!newest || ::strverscmp(newest->c_str(), version.c_str()) < 0) newest = version;
  }
  return newest;
}

// What module files may be compressed by is left to the tools that made them.
std::string plain_module(const Room& room, const RootTree& root, const std::string& path) {
  for (const auto& [ending, tool] : {std::pair{".xz", "xz"}, {".zst", "zstd"}, {".gz", "gzip"}})
    if (path.ends_with(ending)) return output_in(room, {tool, "-dc", path});
  return root.read(path, largest_part);
}

std::string plain_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.substr(0, name.rfind(".ko") + 3);
}

std::string initrd_for(const Room& room, const RootTree& root, const std::string& modules) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& file : load_order(root.read(modules + "/modules.dep", largest_part), initrd_modules())) {
    const std::string path = file.starts_with("/") ? file : modules + "/" + file;
    files.emplace_back(plain_name(file), plain_module(room, root, path));
  }
  for (const auto& busybox : {"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"})
    if (std::string program = root.read(fmt::format("{}/files{}", kernel_place, busybox), largest_part);
        !program.empty())
      return make_initrd(program, files);
  throw Error("busybox-static has no busybox");
}

struct Found {
  std::string vmlinuz;  // paths in the root
  std::string modules;
};

// "6.6.58-0-virt" where Alpine calls the kernel "virt".
std::string modules_version(const RootTree& root, const std::string& modules, const std::string& version) {
  if (root.exists(modules + version)) return version;
  for (const auto& name : root.list(modules))
    if (name.ends_with("-" + version)) return name;
  return version;
}

// Of the machine's packages; their scripts have run depmod.
std::optional<Found> installed_kernel(const RootTree& root) {
  const auto version = newest_kernel(root, "/boot");
  if (!version) return std::nullopt;
  return Found{"/boot/vmlinuz-" + *version, "/lib/modules/" + modules_version(root, "/lib/modules/", *version)};
}

Found unpacked_kernel(const Room& room, RootTree& root) {
  const std::string files = fmt::format("{}/files", kernel_place);
  const auto version = newest_kernel(root, files + "/boot");
  if (!version) throw Error("the kernel's package has no vmlinuz");
  const std::string modules = files + (root.exists(files + "/usr/lib/modules") ? "/usr/lib/modules/" : "/lib/modules/");
  const std::string release = modules_version(root, modules, *version);
  // depmod looks below lib/modules of what it is told.
  if (!root.exists(modules + release + "/modules.dep")) run_step(room, {"depmod", "-b", files, release});
  return {files + "/boot/vmlinuz-" + *version, modules + release};
}

// What the kernel came to, once the root has it.
struct Taken {
  std::string version;
  bool brought = false;     // by the machine's packages, whose layer has its modules
  std::string modules;      // path in the root
  bool merged_usr = false;  // /lib is a link to usr/lib, and a directory of that name in a layer would hide it
};

Taken take_kernel(const RootfsSpec& spec, const fs::path& merged, const fs::path& made) {
  const Room room{merged, "build", {}, {}};
  RootTree root(merged);
  auto found = installed_kernel(root);
  const bool brought = found.has_value();
  if (spec.distribution == Distribution::alpine)
    fetch_alpine_packages(room, kernel_place,
                          brought ? std::vector<std::string>{"busybox-static"}
                                  : std::vector<std::string>{"busybox-static", cloud_kernel_package(spec)});
  else
    unpack(room, root);
  if (!brought) found = unpacked_kernel(room, root);
  replace_file(made / "vmlinuz", root.read(found->vmlinuz, largest_part), 0644, Durability::process_crash_only);
  replace_file(made / "initrd", initrd_for(room, root, found->modules), 0644, Durability::process_crash_only);
  return {fs::path(found->modules).filename(), brought, found->modules, root.type_of("/lib") == mode_t{S_IFLNK}};
}

// The modules become a layer of the image.
void keep_modules(const Taken& taken, const fs::path& upper, const fs::path& made) {
  const fs::path target = made / "tree" / (taken.merged_usr ? "usr/lib/modules" : "lib/modules");
  fs::create_directories(target);
  for (fs::path directory = target; directory != made; directory = directory.parent_path())
    fs::permissions(directory, fs::perms(0755));
  fs::rename(upper.string() + taken.modules, target / taken.version);
}

}  // namespace

void make_kernel(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  const fs::path made = inputs.work / "entry";
  fs::create_directories(made);
  const fs::path archives = inputs.work.string() + "/overlay/upper" + kernel_place;
  fs::create_directories(archives);
  for (const auto& package : inputs.set)
    link_file(archive_file(inputs.archives, package), archives / archive_name(package));
  Overlay overlay(layers_of(inputs), inputs.work / "overlay");
  const Taken taken = take_kernel(inputs.spec, overlay.merged(), made);
  overlay.unmount();
  std::int64_t newest = newest_below(inputs);
  if (!taken.brought) {
    keep_modules(taken, overlay.upper(), made);
    newest = settle_times(made / "tree", started, newest);
  }
  finish_entry(made, inputs.entry, {inputs.set, newest});
}

}  // namespace meros::image
