#include "constellation/manifest.h"

#include <fmt/format.h>

#include <algorithm>

namespace meros::constellation {
namespace {

std::string report(const std::string& path, const std::vector<Diagnostic>& diagnostics, bool more) {
  const auto errors = std::count_if(diagnostics.begin(), diagnostics.end(), [](const auto& d) { return d.is_error(); });
  std::string text = fmt::format("{} has {}{} {}", in_quotes(path), more ? "more than " : "", errors,
                                 errors == 1 && !more ? "error" : "errors");
  for (const auto& diagnostic : diagnostics)
    if (diagnostic.is_error()) text += "\n" + diagnostic.render();
  return text;
}

}  // namespace

std::string_view to_string(Distribution distribution) {
  switch (distribution) {
    case Distribution::none:
      return "";
    case Distribution::debian:
      return "debian";
    case Distribution::ubuntu:
      return "ubuntu";
    case Distribution::alpine:
      return "alpine";
  }
  return "";
}

std::string_view to_string(NicModel model) {
  switch (model) {
    case NicModel::virtio:
      return "virtio";
    case NicModel::virtio_net_pci:
      return "virtio-net-pci";
    case NicModel::virtio_net_device:
      return "virtio-net-device";
  }
  return "";
}

std::string_view to_string(FileSystem file_system) {
  switch (file_system) {
    case FileSystem::qcow2:
      return "qcow2";
    case FileSystem::raw:
      return "raw";
    case FileSystem::ext2:
      return "ext2";
    case FileSystem::ext3:
      return "ext3";
    case FileSystem::ext4:
      return "ext4";
    case FileSystem::xfs:
      return "xfs";
    case FileSystem::btrfs:
      return "btrfs";
    case FileSystem::vfat:
      return "vfat";
  }
  return "";
}

Position Written::of(std::string_view field) const {
  const auto found = fields.find(field);
  return found == fields.end() ? at : found->second;
}

const Bridge* Manifest::find_bridge(std::string_view name) const {
  const auto found = std::find_if(bridges.begin(), bridges.end(), [&](const Bridge& b) { return b.name == name; });
  return found == bridges.end() ? nullptr : &*found;
}

const Machine* Manifest::find_machine(std::string_view name) const {
  const auto found = std::find_if(machines.begin(), machines.end(), [&](const Machine& m) { return m.name == name; });
  return found == machines.end() ? nullptr : &*found;
}

InvalidError Manifest::error_at(Position at, std::string message, std::string help) const {
  const auto diagnostic = source->diagnose(Severity::error, at, std::move(message), std::move(help));
  return InvalidError(diagnostic.render());
}

ManifestError::ManifestError(const std::string& path, std::vector<Diagnostic> diagnostics, bool more)
    : InvalidError(report(path, diagnostics, more)), diagnostics_(std::move(diagnostics)) {}

}  // namespace meros::constellation
