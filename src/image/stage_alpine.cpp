// Alpine's stages: its minirootfs with the core packages, and packages by its own apk(8) in a room.
#include "image/stage_alpine.h"

#include <fmt/format.h>
#include <sys/mount.h>

#include <ctime>

#include "base/error.h"
#include "image/alpine.h"
#include "image/archives.h"
#include "image/overlay.h"
#include "image/room.h"
#include "image/root_tree.h"
#include "image/settled_times.h"
#include "image/stage.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// A directory as a mount of its own, as a room wants it.
class BoundDirectory {
 public:
  explicit BoundDirectory(fs::path path) : path_(std::move(path)) {
    if (::mount(path_.c_str(), path_.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
      throw_errno(fmt::format("cannot bind '{}'", path_.string()));
  }
  BoundDirectory(const BoundDirectory&) = delete;
  BoundDirectory& operator=(const BoundDirectory&) = delete;
  ~BoundDirectory() { ::umount2(path_.c_str(), MNT_DETACH); }

 private:
  fs::path path_;
};

std::vector<std::string> apk(std::vector<std::string> words, const std::vector<std::string>& packages) {
  std::vector<std::string> argv = {"apk", "--no-cache", "--no-progress"};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), packages.begin(), packages.end());
  return argv;
}

// apk's archives are several of gzip in a row, each of which tar would take for the end.
std::vector<std::string> unpack_command(const fs::path& archive, const fs::path& directory) {
  return {"tar",
          "--extract",
          "--gzip",
          "--ignore-zeros",
          "--numeric-owner",
          "--preserve-permissions",
          "--warning=no-unknown-keyword",
          "--file",
          archive.string(),
          "--directory",
          directory.string()};
}

}  // namespace

void make_alpine_base(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  const fs::path root = inputs.work / "root";
  fs::create_directories(root);
  fs::permissions(root, fs::perms(0755));
  run_tool(unpack_command(archive_file(inputs.archives, inputs.set.front()), root));
  {
    RootTree tree(root);
    tree.write("/etc/apk/repositories", alpine_repositories(inputs.spec));
    // DHCP's client writes it, and a room covers it.
    tree.write("/etc/resolv.conf", "");
    const BoundDirectory bound(root);
    run_step({root, "build", {}, {}}, apk({"add"}, core_packages(inputs.spec.distribution)));
  }
  finish_entry(inputs.work, inputs.entry, {inputs.set, settle_times(root, started, 0)});
}

void install_alpine_packages(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  const std::int64_t below = newest_below(inputs);
  Overlay overlay(layers_of(inputs), inputs.work);
  run_step({overlay.merged(), "build", {}, {}}, apk({"add"}, inputs.spec.packages));
  overlay.unmount();
  fs::remove_all(inputs.work / "work");
  fs::remove(inputs.work / "merged");
  finish_entry(inputs.work, inputs.entry, {inputs.set, settle_times(overlay.upper(), started, below)});
}

void fetch_alpine_packages(const Room& room, const std::string& directory, const std::vector<std::string>& packages) {
  run_step(room, apk({"fetch", "--output", directory}, packages));
  RootTree root(room.root);
  const std::string files = directory + "/files";
  root.make_directory(files);
  for (const auto& file : root.list(directory))
    if (file.ends_with(".apk"))
      run_tool(unpack_command(room.root.string() + directory + "/" + file, room.root.string() + files));
}

}  // namespace meros::image
