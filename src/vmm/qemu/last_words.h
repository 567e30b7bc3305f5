// Why QEMU ended, from what it said on its standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/error.h"
#include "vmm/driver.h"

namespace meros::vmm::qemu {

// The lines that tell why, in one: without the program's name before them, without mere warnings where there is more,
// and with the paths of the files that QEMU got as descriptors.
std::string last_words(std::string_view log, const Plan& plan);

// Throws "qemu ended with exit code 1: <its words>", as the kind of error that the words mean, with the way out where
// it is known.
[[noreturn]] void throw_ending(const ExitStatus& status, std::string_view log, const Plan& plan);

}  // namespace meros::vmm::qemu
