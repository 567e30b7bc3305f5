#include "vmm/qemu/driver.h"

#include <fmt/format.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/error.h"
#include "vmm/qemu/command_line.h"
#include "vmm/qemu/machine.h"
#include "vmm/qemu/process.h"

namespace meros::vmm::qemu {
namespace {

std::string find_uefi_image(Arch arch) {
  for (const auto& image : uefi_images(arch))
    if (::access(image.c_str(), R_OK) == 0) return image;
  throw HostError(fmt::format("there is no UEFI firmware for {} on this host: '{}' is not to be found", to_string(arch),
                              uefi_images(arch).front()),
                  fmt::format("install the package {}", arch == Arch::x86_64 ? "ovmf" : "qemu-efi-aarch64"));
}

// CPUID leaf 7, EDX bit 29 (Intel SDM volume 2, CPUID).
bool cpu_has_arch_capabilities() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1U << 29)) != 0;
#else
  return false;
#endif
}

HostFacts host_facts(const Spec& spec) {
  HostFacts facts;
  if (spec.firmware == Firmware::uefi) facts.uefi_image = find_uefi_image(spec.arch);
  facts.arch_capabilities = cpu_has_arch_capabilities();
  return facts;
}

class QemuDriver : public Driver {
 public:
  std::string_view name() const override { return "qemu"; }
  std::string default_binary(Arch arch) const override { return fmt::format("qemu-system-{}", to_string(arch)); }
  std::string_view pid_file() const override { return "qemu.pid"; }
  std::string_view socket_file() const override { return people_socket; }
  std::string_view log_file() const override { return "qemu.log"; }
  std::string_view display_socket() const override { return qemu::display_socket; }

  Capabilities capabilities() const override {
    Capabilities all;
    all.graphics = true;
    all.firmware = true;
    all.qcow2 = true;
    all.accel_tcg = true;
    all.extra_args = true;
    all.architectures = {Arch::x86_64, Arch::aarch64};
    return all;
  }

  void validate(const Spec& spec) const override { qemu::validate(spec); }

  // For a host of the ordinary kind: launch() asks the real one.
  Plan plan(const Spec& spec, const std::string& binary) const override {
    return qemu::plan(spec, binary, {uefi_images(spec.arch).front(), true});
  }

  std::unique_ptr<Vmm> launch(const Spec& spec, const std::string& binary, const Site& site) const override {
    qemu::validate(spec);
    return qemu::launch(qemu::plan(spec, binary, host_facts(spec)), spec, site);
  }
};

}  // namespace

const Driver& driver() {
  static const QemuDriver qemu;
  return qemu;
}

}  // namespace meros::vmm::qemu
