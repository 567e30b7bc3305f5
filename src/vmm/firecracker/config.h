// From a machine's description to what Firecracker is told: the command line and the API requests, in the order that
// its API needs. Pure.
//
// Limits are Firecracker's own (src/vmm of its source, version 1.17; docs and the OpenAPI file name some of them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vmm/driver.h"
#include "vmm/spec.h"

namespace meros::vmm::firecracker {

// Inside the volume: the one directory that the VMM may make files in, its API socket there, and the name that people
// know the socket by (a symbolic link).
constexpr auto run_directory = "run";
constexpr auto socket_name = "firecracker.sock";

constexpr unsigned max_vcpus = 32;                                   // MAX_SUPPORTED_VCPUS
constexpr std::uint64_t max_memory_mib = std::uint64_t{1022} << 10;  // its architectural maximum, 1022 GiB
constexpr std::size_t max_kernel_args = 2047;                        // CMDLINE_MAX_SIZE without the final zero
constexpr std::size_t max_body = 51'200;                             // HTTP_MAX_PAYLOAD_SIZE
// Disks and network interfaces together. Each has an interrupt of its own out of 19 (GSI 5 to 23), and the VM
// generation ID and the VM clock take two of them.
constexpr std::size_t max_devices = 17;

// Throws InvalidError for what Firecracker would refuse, or would take and then misunderstand.
void validate(const Spec& spec);

// The command line and the requests. The specification must be valid.
Plan make_plan(const Spec& spec, const std::string& binary);

}  // namespace meros::vmm::firecracker
