#include "image/quick_way.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"
#include "image/brought_system.h"
#include "image/disk_layout.h"
#include "image/exported_disk.h"
#include "image/guest_files.h"
#include "image/root_tree.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

ReadAt reader_of(const Fd& file) {
  return [&file](std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t n = ::pread(file.get(), bytes.data() + have, size - have, static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw_errno("cannot read the image");
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    bytes.resize(have);
    return bytes;
  };
}

void write_at(const Fd& file, const Patch& patch) {
  std::string_view left = patch.bytes;
  auto offset = static_cast<off_t>(patch.offset);
  while (!left.empty()) {
    const ssize_t n = ::pwrite(file.get(), left.data(), left.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw_errno("cannot write the partition table");
    left.remove_prefix(static_cast<std::size_t>(n));
    offset += n;
  }
}

// "/…/disk?offset=1048576", as the tools of e2fsprogs take it.
std::string place_in(const fs::path& file, const Volume& volume) {
  return volume.offset == 0 ? file.string() : fmt::format("{}?offset={}", file.string(), volume.offset);
}

ExitStatus run_logged(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  command.pass(2, 1);
  command.pass(2, 2);
  Child child = spawn(command);
  return child.wait();
}

std::string name_of(const Volume& volume) {
  return volume.partition == 0 ? "the image" : fmt::format("partition {}", volume.partition);
}

// Mends what can be mended without asking; a journal that was left full is written to its places.
void check(const fs::path& file, const Volume& volume, bool whole) {
  std::vector<std::string> argv = {"e2fsck", "-p"};
  if (whole) argv.emplace_back("-f");
  argv.push_back(place_in(file, volume));
  // e2fsck(8): 1 and 2 say that it mended something.
  const ExitStatus status = run_logged(std::move(argv));
  if (status.signal == 0 && status.code < 4) return;
  throw InvalidError(
      fmt::format("the file system on {} is damaged (e2fsck ended with {})", name_of(volume), status.describe()),
      "mend a copy of the image, or take another one");
}

// The words of a line of fstab(5) that names a file system by what is in it.
bool names(const std::string& source, const ExtName& name) {
  return source == "UUID=" + name.uuid || (!name.label.empty() && source == "LABEL=" + name.label);
}

class QuickWay {
 public:
  QuickWay(const WorkDisk& disk, const EditRoot& edit) : work_(disk), edit_(edit) {}

  bool run() {
    ExportedDisk disk(work_.image, work_.format, work_.work / "disk");
    const Fd content = open_file(disk.file(), O_RDWR);
    volumes_ = volumes_of(reader_of(content), work_.bytes);
    check_all(disk.file());
    for (auto& volume : volumes_)
      if (volume.content == Content::ext && !damage_.contains(volume.partition) &&
          edit_root_on(volume, disk.file(), content)) {
        disk.finish();
        return true;
      }
    explain();
    if (work_.has_grown)
      for (auto& volume : volumes_)
        if (may_hold_root_of_others(volume)) grow_place(volume, content);
    disk.finish();
    return false;
  }

 private:
  // Before any is mounted: e2fsck takes the file for a device, and touches none that is in use.
  void check_all(const fs::path& file) {
    for (const auto& volume : volumes_) {
      if (volume.content != Content::ext) continue;
      try {
        check(file, volume, false);
      } catch (const InvalidError& e) {
        // It may be none that anybody needs.
        damage_.emplace(volume.partition, e);
      }
    }
  }

  bool edit_root_on(Volume& volume, const fs::path& file, const Fd& content) {
    auto root = std::make_unique<MountedExt>(file, volume.offset, work_.work / "root");
    if (!is_system_root(RootTree(root->root()))) {
      root->finish();
      return false;
    }
    if (work_.has_grown) {
      root->finish();
      root.reset();
      grow(volume, file, content);
      root = std::make_unique<MountedExt>(file, volume.offset, work_.work / "root");
    }
    const auto others = mount_others(volume, *root, file, content);
    edit_({volume.partition == 0 ? "/dev/vda" : fmt::format("/dev/vda{}", volume.partition), volume.partition == 0},
          root->root());
    root->finish();
    for (const auto& other : others) other->finish();
    return true;
  }

  // Whether it has.
  bool grow_place(Volume& volume, const Fd& content) const {
    if (volume.partition == 0) {
      volume.bytes = work_.bytes;
      return true;
    }
    const auto grown = grow_partition(reader_of(content), work_.bytes, volume.partition);
    if (!grown) {
      log_line(fmt::format("partition {} is not the last one and stays as it is", volume.partition));
      return false;
    }
    for (const auto& patch : grown->patches) write_at(content, patch);
    volume.bytes = grown->partition_bytes;
    return true;
  }

  void grow(Volume& volume, const fs::path& file, const Fd& content) {
    if (!grow_place(volume, content)) return;
    check(file, volume, true);
    const ExitStatus status =
        run_logged({"resize2fs", place_in(file, volume), fmt::format("{}K", volume.bytes / 1024)});
    if (!status.success()) throw Error(fmt::format("resize2fs ended with {}", status.describe()));
  }

  // What its fstab mounts from the same disk: a hook that installs a kernel wants the real /boot.
  std::vector<std::unique_ptr<MountedExt>> mount_others(const Volume& own, const MountedExt& root, const fs::path& file,
                                                        const Fd& content) {
    std::vector<std::unique_ptr<MountedExt>> mounted;
    RootTree tree(root.root());
    for (const auto& line : split(tree.read("/etc/fstab"), '\n')) {
      const auto words = words_of(line);
      if (words.size() < 3 || !words[1].starts_with('/') || words[1] == "/") continue;
      for (const auto& volume : volumes_) {
        if (volume.content != Content::ext || volume.partition == own.partition) continue;
        if (!names(words[0], ext_name_at(reader_of(content), volume.offset))) continue;
        if (const auto damage = damage_.find(volume.partition); damage != damage_.end())
          throw InvalidError(damage->second);
        const fs::path place = work_.work / fmt::format("partition-{}", volume.partition);
        mounted.push_back(std::make_unique<MountedExt>(file, volume.offset, place));
        tree.make_directory(words[1]);
        // Where the guest's links lead, and never out of it.
        const Fd target = tree.open(words[1], O_PATH | O_DIRECTORY);
        if (::mount(place.c_str(), proc_path(target).c_str(), nullptr, MS_BIND, nullptr) != 0)
          throw_errno(fmt::format("cannot mount partition {} in the image", volume.partition));
      }
    }
    return mounted;
  }

  static bool may_hold_root_of_others(const Volume& volume) {
    return volume.content == Content::xfs || volume.content == Content::btrfs || volume.content == Content::lvm;
  }

  // Throws unless there is something that we do not read, and others do.
  void explain() const {
    if (!damage_.empty()) throw InvalidError(damage_.begin()->second);
    if (std::ranges::any_of(volumes_, may_hold_root_of_others)) return;
    const bool closed = std::ranges::any_of(volumes_, [](const Volume& volume) {
      return volume.content == Content::luks || volume.content == Content::bitlocker;
    });
    if (closed) encrypted();
    no_system(describe(volumes_));
  }

  const WorkDisk& work_;
  const EditRoot& edit_;
  std::vector<Volume> volumes_;
  std::map<unsigned, InvalidError> damage_;  // by partition
};

}  // namespace

bool edit_quickly(const WorkDisk& disk, const EditRoot& edit) { return QuickWay(disk, edit).run(); }

void no_system(const std::string& what_is_there) {
  throw InvalidError("there is no operating system on the image: no partition has an /etc/os-release",
                     what_is_there.empty() ? "there is no file system on it at all" : "it has " + what_is_there);
}

void encrypted() {
  throw InvalidError("the image is encrypted, and nothing of it can be read",
                     "take an image that is not, or decrypt a copy of it");
}

}  // namespace meros::image
