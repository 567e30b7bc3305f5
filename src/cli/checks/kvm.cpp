#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/checks/check.h"
#include "machine/choices.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

std::string remedy_for_kvm(const HostView& host, const vmm::KvmStatus& kvm) {
  const fs::path device = host.dev / "kvm";
  if (!fs::exists(device))
    return "switch on virtualization in the firmware (in a virtual machine: nested virtualization on its host), then "
           "'" +
           as_root(host, "modprobe kvm_intel") + "' or '" + as_root(host, "modprobe kvm_amd") + "'";
  if (::access(device.c_str(), R_OK | W_OK) != 0)
    return as_root(host, fmt::format("usermod -aG kvm {}", host.user_name)) + " (and log in again)";
  if (kvm.opens && !kvm.cpu_flags) return "switch on nested virtualization on the host of this virtual machine";
  return {};
}

}  // namespace

Check check_kvm(const HostView& host) {
  const auto kvm = vmm::probe_kvm((host.proc / "cpuinfo").string(), (host.dev / "kvm").string());
  Check check{.id = "kvm", .title = "KVM", .detail = kvm.why};
  if (kvm.usable()) return check;
  check.status = Check::Status::degraded;  // QEMU emulates
  check.remedy = remedy_for_kvm(host, kvm);
  return check;
}

Check check_driver(const HostView& host, const vmm::KvmStatus& kvm) {
  Check check{.id = "driver", .title = "a driver for machines", .required = true};
  try {
    const auto choice = machine::choose_driver("auto", host.arch, std::nullopt, "");
    const bool emulates = choice.driver->capabilities().accel_tcg;
    const auto accel = emulates ? vmm::resolve_accel(vmm::AccelChoice::automatic, host.arch, kvm) : vmm::Accel::kvm;
    check.detail = fmt::format("auto takes {} with {}: {}", choice.driver->name(), vmm::to_string(accel), choice.why);
  } catch (const HostError& e) {
    const bool firecracker_may = kvm.opens && host.find_program("firecracker");
    check.status = firecracker_may ? Check::Status::degraded : Check::Status::missing;
    check.detail = "auto finds none: " + e.message();
    if (firecracker_may) check.detail += "; --driver firecracker may do, but " + kvm.why;
    check.remedy = as_root(
        host, host.arch == vmm::Arch::x86_64 ? "apt-get install qemu-system-x86" : "apt-get install qemu-system-arm");
  }
  return check;
}

Check check_firecracker_only(const HostView& host, const vmm::KvmStatus& kvm) {
  Check check{.id = "driver", .title = "a driver for machines", .required = true};
  const auto program = host.find_program("firecracker");
  if (!program || !kvm.opens) {
    check.status = Check::Status::missing;
    check.detail = program ? kvm.why : "firecracker is not installed";
    check.remedy = program ? remedy_for_kvm(host, kvm) : "put the program into PATH, or name it with --firecracker-bin";
    return check;
  }
  check.detail = fmt::format("firecracker with kvm ({})", *program);
  if (kvm.usable()) return check;
  check.status = Check::Status::degraded;
  check.detail += "; " + kvm.why;
  return check;
}

}  // namespace meros::cli
