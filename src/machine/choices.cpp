#include "machine/choices.h"

#include <unistd.h>

#include <filesystem>

#include "base/child.h"
#include "base/error.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

DriverChoice with(const std::string& name, vmm::Arch arch, const std::optional<std::string>& binary, std::string why) {
  const vmm::Driver& driver = vmm::driver_named(name);
  return {&driver, locate_binary(binary.value_or(driver.default_binary(arch))), std::move(why)};
}

// The program's own name tells the driver where only the program was given.
std::string driver_of_binary(const std::string& binary) {
  return fs::path(binary).filename().string().find("qemu") != std::string::npos ? "qemu" : "firecracker";
}

}  // namespace

std::string locate_binary(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    if (auto found = find_program(name)) return *found;
    throw HostError("'" + name + "' is not installed",
                    "install it, or name its path ('meros doctor' lists what is missing)");
  }
  const fs::path path = fs::absolute(name).lexically_normal();
  if (::access(path.c_str(), X_OK) != 0 || !fs::is_regular_file(path))
    throw HostError("'" + path.string() + "' is not a program that can be run", "check the path");
  return path.string();
}

vmm::Accel accel_of(const Config& config, const vmm::KvmStatus& kvm) {
  const auto choice = vmm::parse_accel(config.accel);
  const bool only_kvm = !vmm::driver_named(config.driver).capabilities().accel_tcg;
  if (only_kvm && choice == vmm::AccelChoice::automatic) return vmm::Accel::kvm;
  return vmm::resolve_accel(choice, config.arch, kvm);
}

DriverChoice choose_driver(const std::string& asked, vmm::Arch arch, const std::optional<std::string>& binary,
                           const std::string& needs_qemu) {
  if (asked != "auto") return with(asked, arch, binary, "it was asked for");
  if (binary) return with(driver_of_binary(*binary), arch, binary, "its program was named");
  if (!needs_qemu.empty()) return with("qemu", arch, binary, "only QEMU can do " + needs_qemu);
  if (arch != vmm::host_arch()) return with("qemu", arch, binary, "the guest is of another architecture than the host");
  const vmm::KvmStatus kvm = vmm::probe_kvm();
  if (!kvm.usable()) return with("qemu", arch, binary, kvm.why);
  if (!find_program("firecracker")) return with("qemu", arch, binary, "firecracker is not installed");
  return with("firecracker", arch, binary, "KVM is usable and firecracker is installed");
}

}  // namespace meros::machine
