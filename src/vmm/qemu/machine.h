// Which of QEMU's machines a guest gets, and what that machine takes.
#pragma once

#include <cstddef>
#include <string_view>

#include "vmm/driver.h"
#include "vmm/spec.h"

namespace meros::vmm::qemu {

enum class Machine {
  microvm,  // x86_64 without PCI and ACPI: the quickest; devices on virtio-mmio
  q35,      // x86_64, a whole PC
  virt,     // aarch64
};
std::string_view to_string(Machine machine);

// microvm where the kernel finds virtio-mmio devices by its command line and nothing asks for a whole PC.
Machine machine_of(const Spec& spec);

// How a guest of that machine is asked to shut down.
StopRequest stop_request_of(Machine machine);

// hw/i386/microvm.c: without ACPI there are eight virtio-mmio buses, on the interrupts 5 to 12.
constexpr std::size_t microvm_buses = 8;
// The root complex has 32 slots; QEMU's own devices, and what extra arguments may add, have the rest.
constexpr std::size_t pci_slots = 24;
// The six ports of q35's AHCI controller; as many on aarch64, for one limit.
constexpr std::size_t most_cdroms = 6;

// More than 255 vCPUs on x86_64 need x2APIC interrupts, which QEMU 7.2 has with KVM's interrupt controller only.
unsigned most_vcpus(const Spec& spec);

// InvalidError for what QEMU would refuse, or would take and then fail with.
void validate(const Spec& spec);

}  // namespace meros::vmm::qemu
