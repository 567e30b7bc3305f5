// What Firecracker's refusals and endings mean to a person. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/child.h"
#include "vmm/driver.h"
#include "vmm/firecracker/api.h"

namespace meros::vmm::firecracker {

// Returns for a status below 400. Otherwise throws "Firecracker refused PUT /drives/rootfs: <its fault_message>" as the
// kind of error that the words mean (missing file, busy TAP, no KVM …), with the way out where it is known.
void check(const Plan::Request& request, const Answer& answer);

// Of its log and stderr the lines that tell why it ended, in one: errors and what bypassed the log, without time and
// thread.
std::string last_words(std::string_view log);

// Throws "Firecracker ended with exit code 1: <its words>".
[[noreturn]] void throw_ending(const ExitStatus& status, std::string_view words);

}  // namespace meros::vmm::firecracker
