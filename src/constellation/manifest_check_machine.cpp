#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "constellation/manifest_check.h"

namespace meros::constellation {
namespace {

constexpr std::string_view name_help = "use 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit";
constexpr std::size_t longest_name = 63;
constexpr unsigned most_firecracker_vcpus = 32;  // MAX_SUPPORTED_VCPUS, and an even number unless it is 1

void check_name_of(Reading& reading, const MachineDraft& machine) {
  const Position at = machine.written.at;
  if (!is_valid_name(machine.name))
    return reading.error(at, fmt::format("the name of machine {} is not valid", in_quotes(machine.name)),
                         std::string(name_help));
  if (machine.name == "common")
    return reading.error(at, "a machine cannot be called 'common'", "the directory of that name is for all machines");
  if (host_name_of(machine.name) == "localhost")
    return reading.error(at, fmt::format("a machine cannot be called '{}'", machine.name),
                         "every machine takes that name for itself");
  const auto last = indexed(machine.name, machine.count == 1 ? 0 : static_cast<unsigned>(machine.count));
  if (last.size() > longest_name)
    reading.error(at, fmt::format("the name {} is too long", in_quotes(last)),
                  fmt::format("at most {} characters", longest_name));
  if (std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; }))
    reading.warn(at, fmt::format("the name '{}' is all digits", last), "many programs take it for an address");
}

// It is written, but is none that we know: nothing that follows from it is said.
bool distribution_failed(const MachineDraft& machine) {
  return machine.distribution == Distribution::none && machine.written.has("distribution");
}

// What only QEMU has, asked of Firecracker.
void check_firecracker(Reading& reading, const MachineDraft& machine) {
  const Written& written = machine.written;
  const auto refuse = [&](std::string_view field, std::string message, std::string help = "'driver: qemu' has it") {
    reading.error(written.of(written.has(field) ? field : "driver"), std::move(message), std::move(help));
  };
  if (machine.arch != reading.environment().host_arch)
    refuse("arch",
           fmt::format("firecracker cannot run {} on this {} host", to_string(machine.arch),
                       to_string(reading.environment().host_arch)),
           "'driver: qemu' can");
  if (machine.accel == "tcg") refuse("accel", "firecracker cannot run without KVM", "'driver: qemu' can");
  if (machine.kernel.from == Kernel::From::firmware && !distribution_failed(machine))
    refuse("kernel", "firecracker boots no firmware",
           "give it a distribution or a kernel; or 'driver: qemu', which lets the disk boot itself");
  if (written.has("firmware") && !written.inherited.contains("firmware"))
    refuse("firmware", "firecracker has no firmware");
  if (!machine.cdroms.empty()) refuse("cdrom", "firecracker has no optical drive");
  if (machine.display) refuse("display", "firecracker has no display");
  if (!machine.qemu_args.empty())
    refuse("qemu_args", "firecracker takes no arguments of QEMU", "leave them out, or say 'driver: qemu'");
  if (machine.cpus > most_firecracker_vcpus || (machine.cpus > 1 && machine.cpus % 2 != 0))
    refuse("cpus", fmt::format("firecracker cannot have {} vCPUs", machine.cpus),
           fmt::format("1, or an even number up to {}", most_firecracker_vcpus));
  for (const auto& disk : machine.disks)
    if (disk.fs_type == FileSystem::qcow2)
      reading.error(disk.written.of("fs_type"), "firecracker reads no qcow2 images",
                    "make it raw, or say 'driver: qemu'");
}

void check_boot(Reading& reading, const MachineDraft& machine) {
  const Written& written = machine.written;
  // What `defaults` says to all need not make sense for each.
  const auto said_here = [&](std::string_view field) {
    return written.has(field) && !written.inherited.contains(field);
  };
  if (machine.kernel.from == Kernel::From::image && !machine.written.has("distribution"))
    reading.error(written.of("kernel"), "there is no kernel in the image of a machine without a distribution",
                  "set 'distribution', or let 'kernel' be firmware or the path of a file");
  if (said_here("initrd") && machine.kernel.from != Kernel::From::path)
    reading.error(written.of("initrd"), "'initrd' is for a kernel that is a file", "set 'kernel' to its path");
  if (said_here("append") && !machine.append.empty() && machine.kernel.from == Kernel::From::firmware)
    reading.warn(written.of("append"), "'append' has no effect where the disk boots itself",
                 "set 'kernel' to image or the path of a file");
  if (said_here("firmware") && machine.kernel.from != Kernel::From::firmware)
    reading.warn(written.of("firmware"), "'firmware' has no effect beside a kernel",
                 "'kernel: firmware' lets the disk boot itself");
  if (said_here("firmware") && machine.arch == vmm::Arch::aarch64 && machine.firmware == vmm::Firmware::bios)
    reading.error(written.of("firmware"), "aarch64 has no BIOS", "its firmware is uefi");
  if (machine.accel == "kvm" && machine.arch != reading.environment().host_arch)
    reading.error(written.of("accel"),
                  fmt::format("KVM cannot run {} on this {} host", to_string(machine.arch),
                              to_string(reading.environment().host_arch)),
                  "let 'accel' be auto or tcg");
}

void check_build(Reading& reading, const MachineDraft& machine) {
  const Written& written = machine.written;
  if (written.has("distribution")) return;
  const auto warn = [&](std::string_view field, bool empty) {
    if (written.has(field) && !written.inherited.contains(field) && !empty)
      reading.warn(written.of(field), fmt::format("'{}' has no effect without a distribution", field),
                   "nothing is built for this machine");
  };
  warn("release", machine.release.empty());
  warn("packages", machine.packages.empty());
  warn("mirrors", machine.mirrors.empty());
  warn("keyring", machine.keyring.empty());
}

void check_ready(Reading& reading, const MachineDraft& machine) {
  const auto by = machine.ready.by;
  const bool by_network = by == Ready::By::ssh || by == Ready::By::tcp || by == Ready::By::exec;
  if (by_network && machine.networks.empty())
    reading.error(machine.written.of("ready"),
                  fmt::format("{} cannot be ready by {}: it has no network", in_quotes(machine.name),
                              by == Ready::By::ssh   ? "ssh"
                              : by == Ready::By::tcp ? "tcp"
                                                     : "exec"),
                  "give it one, or let it be ready by console:TEXT or none");
}

}  // namespace

void check_machine(Reading& reading, const MachineDraft& machine, const BridgeIndex& bridges) {
  check_name_of(reading, machine);
  if (machine.driver == "firecracker") check_firecracker(reading, machine);
  check_boot(reading, machine);
  check_build(reading, machine);
  check_ready(reading, machine);
  check_networks(reading, machine, bridges);
  check_disks(reading, machine);
}

}  // namespace meros::constellation
