#include "image/foreign_arch.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t largest_entry = 4096;

// "enabled", "interpreter /usr/bin/…", "flags: OCF" …, a line each.
std::string line_with(const std::string& entry, std::string_view key) {
  for (const auto& line : split(entry, '\n'))
    if (line.starts_with(key)) return line.substr(key.size());
  return "";
}

}  // namespace

std::optional<Error> why_not_runnable(vmm::Arch arch, const fs::path& binfmt) {
  if (arch == vmm::host_arch()) return std::nullopt;
  constexpr auto install = "sudo apt-get install qemu-user-static binfmt-support";
  const std::string name = fmt::format("qemu-{}", to_string(arch));
  const auto entry = read_file_if_exists(binfmt / name, largest_entry);
  if (!entry)
    return HostError(fmt::format("this host runs no programs of {}: no emulator is registered", to_string(arch)),
                     install);
  if (!entry->starts_with("enabled"))
    return HostError(fmt::format("this host runs no programs of {}: the emulator is switched off", to_string(arch)),
                     fmt::format("echo 1 | sudo tee {}", (binfmt / name).string()));
  if (line_with(*entry, "flags: ").find('F') == std::string::npos)
    return HostError(
        fmt::format("the emulator of {} is registered without the flag F, and is not found inside an image",
                    to_string(arch)),
        install);
  return std::nullopt;
}

void require_runnable(vmm::Arch arch) {
  if (const auto why = why_not_runnable(arch)) throw HostError(why->message(), why->hint());
}

}  // namespace meros::image
