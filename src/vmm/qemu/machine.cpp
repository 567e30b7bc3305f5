#include "vmm/qemu/machine.h"

namespace meros::vmm::qemu {

std::string_view to_string(Machine machine) {
  switch (machine) {
    case Machine::microvm:
      return "microvm";
    case Machine::q35:
      return "q35";
    case Machine::virt:
      return "virt";
  }
  return "";
}

Machine machine_of(const Spec& spec) {
  if (spec.arch == Arch::aarch64) return Machine::virt;
  const bool whole_pc = !spec.kernel || spec.firmware != Firmware::none || spec.display || !spec.cdroms.empty() ||
                        !spec.extra_args.empty();
  return spec.kernel_has_virtio_mmio_cmdline && !whole_pc ? Machine::microvm : Machine::q35;
}

// Without ACPI there is no power button, but always a keyboard.
StopRequest stop_request_of(Machine machine) {
  return machine == Machine::microvm ? StopRequest::ctrl_alt_del : StopRequest::acpi_powerdown;
}

unsigned most_vcpus(const Spec& spec) {
  if (spec.arch == Arch::aarch64) return 512;
  return spec.accel == Accel::kvm ? 288 : 255;
}

}  // namespace meros::vmm::qemu
