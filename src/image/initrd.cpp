#include "image/initrd.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/text.h"

namespace meros::image {
namespace {

constexpr unsigned directory_mode = 040755;
constexpr unsigned regular = 0100000;

// "kernel/fs/ext4/ext4.ko.xz" -> "ext4"
std::string module_name(std::string_view file) {
  const std::string_view name = file.substr(file.rfind('/') + 1);
  std::string plain(name.substr(0, name.find(".ko")));
  std::ranges::replace(plain, '-', '_');
  return plain;
}

struct Module {
  std::string file;
  std::vector<std::string> needs;  // files
};

std::map<std::string, Module> parse(std::string_view modules_dep) {
  std::map<std::string, Module> modules;
  for (const auto& line : split(modules_dep, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    Module module{line.substr(0, colon), {}};
    for (const auto& word : split(line.substr(colon + 1), ' '))
      if (!word.empty()) module.needs.push_back(word);
    modules.emplace(module_name(module.file), std::move(module));
  }
  return modules;
}

constexpr auto script = R"(#!/bin/busybox sh
# Written by meros: loads what the root disk needs, mounts it, and gives way to its first process.
bb=/bin/busybox
$bb mount -t devtmpfs -o mode=0755 dev /dev
$bb mount -t proc -o nosuid,nodev,noexec proc /proc
$bb mount -t sysfs -o nosuid,nodev,noexec sys /sys
for module in @MODULES@; do $bb insmod "/modules/$module" 2>/dev/null; done
root=/dev/vda type=ext4 options=rw init=/sbin/init
for word in $($bb cat /proc/cmdline); do
  case $word in
    root=*) root=${word#root=} ;;
    rootfstype=*) type=${word#rootfstype=} ;;
    init=*) init=${word#init=} ;;
    ro) options=ro ;;
    rw) options=rw ;;
  esac
done
case $root in
  LABEL=* | UUID=*) find='$bb findfs "$root"' ;;
  *) find='[ -b "$root" ] && echo "$root"' ;;
esac
tries=0
until device=$(eval "$find" 2>/dev/null); do
  tries=$((tries + 1))
  if [ $tries -gt 300 ]; then
    echo "meros: there is no root disk '$root'"
    exec $bb sh
  fi
  $bb usleep 100000
done
if ! $bb mount -t "$type" -o "$options" "$device" /root; then
  echo "meros: '$device' cannot be mounted as $type"
  exec $bb sh
fi
for directory in dev proc sys; do $bb mount -o move "/$directory" "/root/$directory"; done
exec $bb switch_root /root "$init"
)";

}  // namespace

const std::vector<std::string>& initrd_modules() {
  static const std::vector<std::string> names = {"virtio_pci",     "virtio_mmio",  "virtio_blk",
                                                 "crc32c_generic", "crc32c_intel", "ext4"};
  return names;
}

std::vector<std::string> load_order(std::string_view modules_dep, const std::vector<std::string>& names) {
  const auto modules = parse(modules_dep);
  std::vector<std::string> order;
  std::set<std::string> seen;
  const std::function<void(const std::string&)> add = [&](const std::string& name) {
    const auto module = modules.find(name);
    if (module == modules.end() || !seen.insert(name).second) return;
    // depmod names the nearest first: what it needs in turn comes later.
    for (auto need = module->second.needs.rbegin(); need != module->second.needs.rend(); ++need)
      add(module_name(*need));
    order.push_back(module->second.file);
  };
  for (const auto& name : names) add(name);
  return order;
}

std::string init_script(const std::vector<std::string>& modules) {
  std::string text = script;
  const std::string place = "@MODULES@";
  text.replace(text.find(place), place.size(), join(modules, " "));
  return text;
}

void CpioArchive::pad() { bytes_.resize((bytes_.size() + 3) / 4 * 4, '\0'); }

void CpioArchive::add(const std::string& path, unsigned mode, std::string_view content) {
  const unsigned links = (mode & 0170000) == 040000 ? 2 : 1;
  // magic ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  bytes_ += fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
                        next_inode_++, mode, 0, 0, links, 0, content.size(), 0, 0, 0, 0, path.size() + 1, 0);
  bytes_ += path;
  bytes_ += '\0';
  pad();
  bytes_ += content;
  pad();
}

void CpioArchive::add_directory(const std::string& path) { add(path, directory_mode, {}); }

void CpioArchive::add_file(const std::string& path, std::string_view content, unsigned mode) {
  add(path, regular | mode, content);
}

std::string CpioArchive::finish() {
  next_inode_ = 0;
  add("TRAILER!!!", 0, {});
  bytes_.resize((bytes_.size() + 511) / 512 * 512, '\0');
  return std::move(bytes_);
}

std::string make_initrd(std::string_view busybox, const std::vector<std::pair<std::string, std::string>>& modules) {
  CpioArchive archive;
  for (const char* directory : {"bin", "dev", "modules", "proc", "root", "sys"}) archive.add_directory(directory);
  archive.add_file("bin/busybox", busybox, 0755);
  std::vector<std::string> names;
  for (const auto& [name, content] : modules) {
    archive.add_file("modules/" + name, content, 0644);
    names.push_back(name);
  }
  archive.add_file("init", init_script(names), 0755);
  return archive.finish();
}

}  // namespace meros::image
