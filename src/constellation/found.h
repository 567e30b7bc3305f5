// What is on the host of a constellation. Reads, and changes nothing.
#pragma once

#include "constellation/manifest.h"
#include "constellation/plan.h"
#include "machine/home.h"

namespace meros::constellation {

Found find(const machine::Home& home, const std::string& constellation);

// For want(): the images in data/disks, and the addresses that the machines had.
Surroundings look_around(const machine::Home& home, const Manifest& manifest);

}  // namespace meros::constellation
