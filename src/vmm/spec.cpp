#include "vmm/spec.h"

#include <fmt/format.h>

#include "base/error.h"

namespace meros::vmm {

std::string_view to_string(Arch arch) { return arch == Arch::x86_64 ? "x86_64" : "aarch64"; }
std::string_view to_string(Accel accel) { return accel == Accel::kvm ? "kvm" : "tcg"; }
std::string_view to_string(DiskFormat format) { return format == DiskFormat::raw ? "raw" : "qcow2"; }

Arch parse_arch(std::string_view text) {
  if (text == "x86_64") return Arch::x86_64;
  if (text == "aarch64") return Arch::aarch64;
  throw InvalidError(fmt::format("there is no architecture '{}'", text), "x86_64 or aarch64");
}

DiskFormat parse_disk_format(std::string_view text) {
  if (text == "raw") return DiskFormat::raw;
  if (text == "qcow2") return DiskFormat::qcow2;
  throw InvalidError(fmt::format("there is no disk format '{}'", text), "raw or qcow2");
}

Arch host_arch() {
#if defined(__x86_64__)
  return Arch::x86_64;
#elif defined(__aarch64__)
  return Arch::aarch64;
#else
#error "meros runs on x86_64 and aarch64"
#endif
}

}  // namespace meros::vmm
