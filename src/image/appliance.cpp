#include "image/appliance.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/text.h"
#include "image/exported_disk.h"
#include "image/guest_files.h"
#include "image/libguestfs.h"
#include "image/overlay.h"
#include "image/overlay_changes.h"
#include "image/root_tree.h"
#include "image/stages.h"
#include "vmm/host.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

namespace option = guestfs_option;

constexpr int memory_mib = 1024;
constexpr auto disk_device = "/dev/sda";  // what the appliance calls its only disk
constexpr std::size_t largest_fstab = std::size_t{1} << 20;

struct FileSystem {
  std::string device;  // as libguestfs mounts it: "/dev/sda1", "/dev/vg/root", "btrfsvol:/dev/sda2/root"
  std::string kind;    // "ext4", "crypto_LUKS" …
};

// What libguestfs gives back is the caller's to free.
std::string text_of(char* text, std::size_t size) {
  const std::unique_ptr<char, void (*)(void*)> owned(text, std::free);
  return {text, size};
}
std::vector<std::string> list_of(char** list) {
  std::vector<std::string> texts;
  for (char** text = list; *text != nullptr; ++text) {
    texts.emplace_back(*text);
    std::free(*text);
  }
  std::free(list);
  return texts;
}

class Machine {
 public:
  Machine(const WorkDisk& disk, const fs::path& cache) : lib_(load_libguestfs()), handle_(lib_.create(), lib_.close) {
    if (!handle_) throw Error("libguestfs cannot be started");
    // It would print them; the exceptions say them.
    lib_.set_error_handler(handle(), nullptr, nullptr);
    fs::create_directories(cache);
    must(lib_.set_backend(handle(), "direct"), "choose its backend");
    must(lib_.set_cachedir(handle(), cache.c_str()), "choose its cache");
    must(lib_.set_tmpdir(handle(), disk.work.c_str()), "choose its place");
    must(lib_.set_memsize(handle(), memory_mib), "choose its memory");
    if (vmm::resolve_accel(vmm::AccelChoice::automatic, vmm::host_arch(), vmm::probe_kvm()) == vmm::Accel::tcg)
      must(lib_.set_backend_setting(handle(), "force_tcg", "1"), "choose its accelerator");
    must(lib_.add_drive_opts(handle(), disk.image.c_str(), option::add_drive_format, to_string(disk.format).data(),
                             option::end),
         "add the image");
    if (lib_.launch(handle()) != 0)
      throw Error(fmt::format("libguestfs does not start: {}", last_error()),
                  "'libguestfs-test-tool' tells more; 'meros doctor' what is known to be missing");
  }

  std::vector<FileSystem> file_systems() const {
    char** list = lib_.list_filesystems(handle());
    if (list == nullptr) fail("look for file systems");
    const auto texts = list_of(list);
    std::vector<FileSystem> found;
    for (std::size_t i = 0; i + 1 < texts.size(); i += 2) found.push_back({texts[i], texts[i + 1]});
    return found;
  }

  bool holds_system(const FileSystem& file_system) const {
    if (lib_.mount_ro(handle(), file_system.device.c_str(), "/") != 0) return false;
    const bool is_root =
        lib_.exists(handle(), "/etc/passwd") == 1 &&
        (lib_.exists(handle(), "/etc/os-release") == 1 || lib_.exists(handle(), "/usr/lib/os-release") == 1);
    must(lib_.umount_all(handle()), "unmount it");
    return is_root;
  }

  // The partition has grown already (image/quick_way.h).
  void grow(const FileSystem& root) const {
    if (!root.device.starts_with(disk_device) && !root.device.starts_with("btrfsvol:")) grow_volume(root.device);
    if (!root.kind.starts_with("ext")) return;
    must(lib_.e2fsck_f(handle(), root.device.c_str()), "check the root");
    must(lib_.resize2fs(handle(), root.device.c_str()), "grow the root");
  }

  void mount_root(const FileSystem& root, bool has_grown) const {
    must(lib_.mount(handle(), root.device.c_str(), "/"), "mount the root");
    if (has_grown && root.kind == "xfs") must(lib_.xfs_growfs(handle(), "/", option::end), "grow the root");
    if (has_grown && root.kind == "btrfs")
      must(lib_.btrfs_filesystem_resize(handle(), "/", option::end), "grow the root");
    mount_others();
  }

  // Until it is unmounted. Another thread may not use us meanwhile.
  void begin_to_serve(const fs::path& place) const {
    fs::create_directories(place);
    must(lib_.mount_local(handle(), place.c_str(), option::mount_local_readonly, 1, option::mount_local_options,
                          "allow_other,default_permissions", option::mount_local_cachetimeout, 3600, option::end),
         "serve its files");
  }
  void serve() const {
    // Each thread has a handler of its own; an answer such as "no such file" is no error.
    lib_.set_error_handler(handle(), nullptr, nullptr);
    must(lib_.mount_local_run(handle()), "serve its files");
  }

  void take_out(const fs::path& archive) const {
    must(lib_.tar_out_opts(handle(), "/", archive.c_str(), option::tar_out_numericowner, 1, option::tar_out_xattrs, 1,
                           option::tar_out_acls, 1, option::end),
         "read its files");
  }
  void put_in(const fs::path& archive) const {
    must(
        lib_.tar_in_opts(handle(), archive.c_str(), "/", option::tar_in_xattrs, 1, option::tar_in_acls, 1, option::end),
        "write the changes");
  }
  void remove(const std::string& path) const { must(lib_.rm_rf(handle(), path.c_str()), "remove what is gone"); }

  void finish() const {
    must(lib_.umount_all(handle()), "unmount it");
    must(lib_.shutdown(handle()), "write all of it");
  }

 private:
  guestfs* handle() const { return handle_.get(); }
  std::string last_error() const {
    const char* error = lib_.last_error(handle());
    return error == nullptr ? "it does not say why" : error;
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(fmt::format("libguestfs cannot {}: {}", what, last_error()));
  }
  void must(int result, std::string_view what) const {
    if (result < 0) fail(what);
  }

  void grow_volume(const std::string& volume) const {
    char** list = lib_.pvs(handle());
    if (list == nullptr) fail("look for LVM");
    for (const auto& physical : list_of(list)) must(lib_.pvresize(handle(), physical.c_str()), "grow LVM");
    if (lib_.lvresize_free(handle(), volume.c_str(), 100) < 0)
      log_line(fmt::format("'{}' stays as it is: {}", volume, last_error()));
  }

  // A file system that is named so and is not there is no reason to give up: the guest has "nofail" for that.
  void mount_others() const {
    std::size_t size = 0;
    char* text = lib_.exists(handle(), "/etc/fstab") == 1 ? lib_.read_file(handle(), "/etc/fstab", &size) : nullptr;
    if (text == nullptr) return;
    const std::string fstab = text_of(text, size);
    for (const auto& line : split(fstab.substr(0, largest_fstab), '\n')) {
      const auto words = words_of(line);
      if (words.size() < 3 || !words[1].starts_with('/') || words[1] == "/") continue;
      const std::string device = device_of(words[0]);
      if (!device.empty() && lib_.mount(handle(), device.c_str(), words[1].c_str()) != 0)
        log_line(fmt::format("'{}' was not mounted on '{}': {}", device, words[1], last_error()));
    }
  }

  std::string device_of(const std::string& source) const {
    char* found = nullptr;
    if (source.starts_with("UUID="))
      found = lib_.findfs_uuid(handle(), source.substr(5).c_str());
    else if (source.starts_with("LABEL="))
      found = lib_.findfs_label(handle(), source.substr(6).c_str());
    else if (source.starts_with("/dev/mapper/"))
      return source;
    if (found == nullptr) return "";
    return text_of(found, std::char_traits<char>::length(found));
  }

  LibGuestfs lib_;
  std::unique_ptr<guestfs, void (*)(guestfs*)> handle_;
};

// The files of the root as a directory: served as they are asked for, or all at once where there is no FUSE.
class Lower {
 public:
  Lower(const Machine& machine, const fs::path& work) : place_(work / "served") {
    fs::create_directories(place_);
    if (::access("/dev/fuse", R_OK | W_OK) != 0) {
      extract(machine, work / "root.tar");
      return;
    }
    machine.begin_to_serve(place_);
    server_ = std::jthread([&machine, this] {
      try {
        machine.serve();
      } catch (const Error& e) {
        failure_ = e;
      }
    });
  }
  Lower(const Lower&) = delete;
  Lower& operator=(const Lower&) = delete;
  ~Lower() {
    if (server_.joinable()) ::umount2(place_.c_str(), MNT_DETACH);
  }

  const fs::path& path() const { return place_; }

  void finish() {
    if (!server_.joinable()) return;
    if (::umount2(place_.c_str(), MNT_DETACH) != 0) throw_errno("cannot unmount the image");
    server_.join();
    if (failure_) throw Error(*failure_);
  }

 private:
  void extract(const Machine& machine, const fs::path& archive) {
    log_line("there is no /dev/fuse: the whole root is copied out");
    machine.take_out(archive);
    run_tool({"tar", "--extract", "--file=" + archive.string(), "--directory=" + place_.string(), "--numeric-owner",
              "--same-permissions", "--xattrs", "--xattrs-include=*", "--exclude=./dev/*"});
    fs::remove(archive);
  }

  fs::path place_;
  std::optional<Error> failure_;
  std::jthread server_;
};

FileSystem find_root(const Machine& machine) {
  const auto found = machine.file_systems();
  std::vector<std::string> words;
  for (const auto& file_system : found) {
    if (machine.holds_system(file_system)) return file_system;
    words.push_back(fmt::format("{} ({})", file_system.device, file_system.kind));
  }
  if (std::ranges::any_of(found, [](const FileSystem& f) { return f.kind == "crypto_LUKS"; })) encrypted();
  no_system(join(words, ", "));
}

// "/dev/sda2" is "/dev/vda2" behind virtio; volumes of LVM keep their names.
RootPlace place_of(const FileSystem& root) {
  std::string device = root.device;
  if (const std::string_view subvolume = "btrfsvol:"; device.starts_with(subvolume)) {
    device = device.substr(subvolume.size());
    device = device.substr(0, device.find('/', std::string_view("/dev/").size()));
  }
  const bool is_bare = device == disk_device;
  if (device.starts_with(disk_device)) device.replace(0, std::string_view(disk_device).size(), "/dev/vda");
  return {device, is_bare};
}

void put_back(const Machine& machine, const std::vector<std::string>& removed, const fs::path& upper,
              const fs::path& archive) {
  for (const auto& path : removed) machine.remove(path);
  run_tool({"tar", "--create", "--file=" + archive.string(), "--directory=" + upper.string(), "--numeric-owner",
            "--sort=name", "--xattrs", "--xattrs-include=*", "--xattrs-exclude=user.overlay.*", "--acls", "."});
  machine.put_in(archive);
}

// supermin(1) looks for one there.
bool has_kernel() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/boot", error))
    if (entry.path().filename().string().starts_with("vmlinuz") && ::access(entry.path().c_str(), R_OK) == 0)
      return true;
  return false;
}

}  // namespace

std::optional<Error> why_no_appliance() {
  void* library = ::dlopen("libguestfs.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return HostError("libguestfs is not installed", "apt-get install libguestfs0");
  ::dlclose(library);
  if (!has_kernel())
    return HostError("libguestfs finds no kernel in /boot that this user can read",
                     "sudo chmod a+r /boot/vmlinuz-*, or apt-get install linux-image-amd64");
  return std::nullopt;
}

void edit_by_appliance(const WorkDisk& disk, const fs::path& cache, const EditRoot& edit) {
  if (const auto why = why_no_appliance())
    throw HostError("this image needs libguestfs: " + why->message(), why->hint());
  const Machine machine(disk, cache);
  log_line("libguestfs has started");
  const FileSystem root = find_root(machine);
  log_line(fmt::format("the root is on {} ({})", root.device, root.kind));
  if (disk.has_grown) machine.grow(root);
  machine.mount_root(root, disk.has_grown);
  Lower lower(machine, disk.work);
  std::vector<std::string> removed;
  const fs::path layer = disk.work / "layer";
  {
    Overlay overlay({lower.path()}, layer);
    edit(place_of(root), overlay.merged());
    overlay.unmount();
    removed = take_removals(overlay.upper(), lower.path());
  }
  lower.finish();
  log_line("the changes go back");
  put_back(machine, removed, layer / "upper", disk.work / "changes.tar");
  log_line("libguestfs writes all of it");
  machine.finish();
}

}  // namespace meros::image
