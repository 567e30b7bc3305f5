#include "machine/choices.h"

#include <unistd.h>

#include <filesystem>

#include "base/child.h"
#include "base/error.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

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

DriverName choose_driver_name(const std::string& asked, vmm::Arch arch, const std::string& needs_qemu) {
  if (asked != "auto") return {asked, "it was asked for"};
  if (!needs_qemu.empty()) return {"qemu", "only QEMU can do " + needs_qemu};
  if (arch != vmm::host_arch()) return {"qemu", "the guest is of another architecture than the host"};
  const vmm::KvmStatus kvm = vmm::probe_kvm();
  if (!kvm.usable()) return {"qemu", kvm.why};
  if (!find_program("firecracker")) return {"qemu", "firecracker is not installed"};
  return {"firecracker", "KVM is usable and firecracker is installed"};
}

DriverChoice choose_driver(const std::string& asked, vmm::Arch arch, const std::optional<std::string>& binary,
                           const std::string& needs_qemu) {
  const DriverName choice = asked == "auto" && binary ? DriverName{driver_of_binary(*binary), "its program was named"}
                                                      : choose_driver_name(asked, arch, needs_qemu);
  const vmm::Driver& driver = vmm::driver_named(choice.name);
  return {&driver, locate_binary(binary.value_or(driver.default_binary(arch))), choice.why};
}

}  // namespace meros::machine
