// What follows from what is written: defaults that depend on other fields, and the machines that `count` makes.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "constellation/manifest_check.h"

namespace meros::constellation {
namespace {

constexpr std::size_t most_dependencies = 200'000;  // of all machines together

std::string_view default_release(Distribution distribution) {
  switch (distribution) {
    case Distribution::none:
      return "";
    case Distribution::debian:
      return "bookworm";
    case Distribution::ubuntu:
      return "noble";
    case Distribution::alpine:
      return "latest-stable";
  }
  return "";
}

// One of the machines that a draft stands for.
Machine member(const MachineDraft& draft, unsigned index) {
  Machine machine = draft;
  machine.group = draft.name;
  machine.index = index;
  machine.name = indexed(draft.name, index);
  for (std::size_t i = 0; i < machine.networks.size(); ++i) {
    Nic& nic = machine.networks[i];
    nic.label = nic.label.empty() ? fmt::format("{}-{}", machine.name, i) : indexed(nic.label, index);
  }
  return machine;
}

std::vector<std::string> member_names(const MachineDraft& draft) {
  if (draft.count == 1) return {draft.name};
  std::vector<std::string> names;
  for (unsigned i = 1; i <= draft.count; ++i) names.push_back(indexed(draft.name, i));
  return names;
}

}  // namespace

std::string indexed(std::string_view name, unsigned index) {
  return index == 0 ? std::string(name) : fmt::format("{}-{}", name, index);
}

void complete(const Environment& environment, MachineDraft& machine) {
  const bool built_here = machine.distribution != Distribution::none;
  if (built_here && machine.release.empty()) machine.release = default_release(machine.distribution);
  if (!machine.written.has("kernel")) machine.kernel.from = built_here ? Kernel::From::image : Kernel::From::firmware;
  if (!machine.written.has("firmware") && machine.arch == vmm::Arch::aarch64) machine.firmware = vmm::Firmware::uefi;
  if (!machine.written.has("ready") && built_here && !machine.networks.empty()) machine.ready.by = Ready::By::ssh;
  // The machine's own image is where its root is, whatever it is listed as.
  if (environment.constellation.empty()) return;
  const std::string own = fmt::format("{}-{}", environment.constellation, machine.name);
  for (Disk& disk : machine.disks)
    disk.is_root = disk.is_image_file() && (disk.label == own + ".qcow2" || disk.label == own + ".ext4");
}

std::vector<Machine> expand(Reading& reading, const std::vector<MachineDraft>& drafts) {
  std::unordered_map<std::string, const MachineDraft*> groups;
  for (const auto& draft : drafts) groups.emplace(draft.name, &draft);
  std::vector<Machine> machines;
  std::size_t dependencies = 0;
  for (const auto& draft : drafts) {
    std::vector<std::string> depends_on;
    for (const auto& name : draft.depends_on) {
      const auto group = groups.find(name);
      for (auto& each : group == groups.end() ? std::vector{name} : member_names(*group->second))
        if (std::find(depends_on.begin(), depends_on.end(), each) == depends_on.end())
          depends_on.push_back(std::move(each));
    }
    dependencies += depends_on.size() * draft.count;
    if (dependencies > most_dependencies) {
      reading.error(draft.written.of("depends_on"),
                    fmt::format("there are more than {} dependencies", most_dependencies),
                    "between two groups each machine of one depends on each of the other");
      return machines;
    }
    for (unsigned i = 1; i <= draft.count; ++i) {
      machines.push_back(member(draft, draft.count == 1 ? 0 : i));
      machines.back().depends_on = depends_on;
    }
  }
  return machines;
}

}  // namespace meros::constellation
