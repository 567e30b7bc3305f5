#include "image/stage.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "image/alpine.h"
#include "image/sha256.h"

namespace meros::image {
namespace {

// Another number makes all stages anew: what is in an entry has another form.
constexpr int entry_format = 3;

// Each stage adds what it depends on to what names it; JSON objects are written in the order of their keys.
std::string hash_of(std::string_view stage, Json inputs) {
  inputs["stage"] = stage;
  inputs["meros"] = MEROS_VERSION;
  inputs["entries"] = entry_format;
  return sha256_of(inputs.dump(-1, ' ', false, Json::error_handler_t::replace));
}

// Their order in the manifest has no meaning.
std::set<std::string> as_set(const std::vector<std::string>& words) { return {words.begin(), words.end()}; }

Json sorted_disks(std::vector<MountedDisk> disks) {
  std::ranges::sort(disks, {}, &MountedDisk::label);
  Json list = Json::array();
  for (const auto& disk : disks)
    list.push_back({{"label", disk.label}, {"fs_type", disk.fs_type}, {"mount_point", disk.mount_point}});
  return list;
}

std::string base_hash(const RootfsSpec& spec, const InputDigests& inputs, const ResolvedStages& resolved) {
  return hash_of("base", {{"distribution", to_string(spec.distribution)},
                          {"release", spec.release},
                          {"arch", to_string(spec.arch)},
                          {"mirrors", mirrors_of(spec)},
                          {"keyring", inputs.keyring},
                          {"on", resolved.base},
                          {"packages", as_set(core_packages(spec.distribution))}});
}

std::string kernel_hash(const RootfsSpec& spec, const StageHashes& stages, const ResolvedStages& resolved) {
  if (!spec.kernel) return "";
  if (brings_kernel(spec)) return hash_of("kernel", {{"packages", stages.packages}, {"on", resolved.kernel}});
  return hash_of("kernel", {{"base", stages.base}, {"on", resolved.kernel}, {"package", cloud_kernel_package(spec)}});
}

std::string customised_hash(const RootfsSpec& spec, const InputDigests& inputs, const StageHashes& stages) {
  return hash_of("customised", {{"packages", stages.packages},
                                {"kernel", stages.kernel},
                                {"constellation", spec.constellation},
                                {"machine", spec.machine},
                                {"disks", sorted_disks(spec.disks)},
                                {"keys", inputs.keys},
                                {"includes", inputs.includes},
                                {"hooks", inputs.hooks}});
}

std::string packed_hash(const RootfsSpec& spec, const StageHashes& stages) {
  return hash_of("packed", {{"customised", stages.customised},
                            {"format", spec.format == ImageFormat::raw ? "raw" : "qcow2"},
                            {"free_mb", spec.build_free_mb}});
}

bool has_updates(std::string_view release) {
  return release != "sid" && release != "unstable" && release != "experimental";
}

std::vector<std::string> debian_mirrors(const RootfsSpec& spec) {
  std::vector<std::string> mirrors = {"deb http://deb.debian.org/debian " + spec.release + " main"};
  if (has_updates(spec.release)) {
    mirrors.push_back("deb http://deb.debian.org/debian " + spec.release + "-updates main");
    mirrors.push_back("deb http://deb.debian.org/debian-security " + spec.release + "-security main");
  }
  return mirrors;
}

std::vector<std::string> ubuntu_mirrors(const RootfsSpec& spec) {
  const bool x86 = spec.arch == vmm::Arch::x86_64;
  const std::string archive = x86 ? "http://archive.ubuntu.com/ubuntu" : "http://ports.ubuntu.com/ubuntu-ports";
  const std::string security = x86 ? "http://security.ubuntu.com/ubuntu" : archive;
  return {"deb " + archive + " " + spec.release + " main universe",
          "deb " + archive + " " + spec.release + "-updates main universe",
          "deb " + security + " " + spec.release + "-security main universe"};
}

}  // namespace

const std::vector<std::string>& core_packages(Distribution distribution) {
  // kmod: the kernel runs modprobe for what it finds it needs.
  static const std::vector<std::string> debian = {"systemd", "systemd-sysv", "dbus",           "udev",
                                                  "kmod",    "sudo",         "iproute2",       "openssh-server",
                                                  "rsync",   "netbase",      "ca-certificates"};
  static const std::vector<std::string> alpine = {"alpine-base",    "openssh",         "sudo",  "iproute2",
                                                  "busybox-openrc", "ca-certificates", "rsync", "e2fsprogs-extra"};
  return distribution == Distribution::alpine ? alpine : debian;
}

std::string components_of(const RootfsSpec& spec) {
  return spec.distribution == Distribution::ubuntu ? "main universe" : "main";
}

std::vector<std::string> mirrors_of(const RootfsSpec& spec) {
  if (spec.distribution == Distribution::alpine) return {alpine_mirror(spec)};
  if (spec.mirrors.empty())
    return spec.distribution == Distribution::ubuntu ? ubuntu_mirrors(spec) : debian_mirrors(spec);
  std::vector<std::string> lines;
  for (const auto& mirror : spec.mirrors) {
    const bool is_line = mirror.starts_with("deb ") || mirror.starts_with("deb\t");
    lines.push_back(is_line ? mirror : "deb " + mirror + " " + spec.release + " " + components_of(spec));
  }
  return lines;
}

bool brings_kernel(const RootfsSpec& spec) {
  return std::ranges::any_of(spec.packages, [](const std::string& package) {
    return package.starts_with("linux-image-") || package.starts_with("proxmox-default-kernel") ||
           package.starts_with("proxmox-kernel-") || package.starts_with("pve-kernel-") || package == "linux-virt" ||
           package == "linux-lts";
  });
}

std::string cloud_kernel_package(const RootfsSpec& spec) {
  if (spec.distribution == Distribution::alpine) return "linux-virt";
  if (spec.distribution == Distribution::ubuntu) return "linux-image-virtual";
  return "linux-image-cloud-" + debian_arch(spec.arch);
}

std::string debian_arch(vmm::Arch arch) { return arch == vmm::Arch::x86_64 ? "amd64" : "arm64"; }

StageHashes stage_hashes(const RootfsSpec& spec, const InputDigests& inputs, const ResolvedStages& resolved) {
  StageHashes stages;
  stages.base = base_hash(spec, inputs, resolved);
  stages.packages =
      hash_of("packages", {{"base", stages.base}, {"on", resolved.packages}, {"packages", as_set(spec.packages)}});
  stages.kernel = kernel_hash(spec, stages, resolved);
  stages.customised = customised_hash(spec, inputs, stages);
  stages.packed = packed_hash(spec, stages);
  return stages;
}

std::string used_hash(const RootfsSpec& spec, const InputDigests& inputs, std::string_view source,
                      std::uint64_t bytes) {
  return hash_of("used", {{"source", source},
                          {"bytes", bytes},
                          {"format", spec.format == ImageFormat::raw ? "raw" : "qcow2"},
                          {"constellation", spec.constellation},
                          {"machine", spec.machine},
                          {"login", spec.login},
                          {"distribution", to_string(spec.distribution)},
                          {"arch", to_string(spec.arch)},
                          {"kernel", spec.kernel},
                          {"disks", sorted_disks(spec.disks)},
                          {"keys", inputs.keys},
                          {"includes", inputs.includes},
                          {"hooks", inputs.hooks}});
}

}  // namespace meros::image
