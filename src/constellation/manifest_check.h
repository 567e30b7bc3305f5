// What is wrong in a manifest although every value by itself is right, and what is made of it when nothing is.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "constellation/manifest_fields.h"

namespace meros::constellation {

// One bridge by itself, and its subnet against the others'. 10.0.2.0/24 becomes 10.0.2.1/24.
void check_bridges(Reading& reading, std::vector<Bridge>& bridges);

// Fills in what is not written but follows from what is: release, kernel, firmware, ready, labels of networks.
void complete(const Environment& environment, MachineDraft& machine);

// The bridges by their names.
using BridgeIndex = std::unordered_map<std::string, const Bridge*>;

// One machine by itself, and against the bridges.
void check_machine(Reading& reading, const MachineDraft& machine, const BridgeIndex& bridges);
// The part of it about networks and disks.
void check_networks(Reading& reading, const MachineDraft& machine, const BridgeIndex& bridges);
void check_disks(Reading& reading, const MachineDraft& machine);

// Names in depends_on that are none, and cycles. Afterwards they can be resolved.
void check_dependencies(Reading& reading, const std::vector<MachineDraft>& machines);

// `count` machines of each, with their names, labels and dependencies.
std::vector<Machine> expand(Reading& reading, const std::vector<MachineDraft>& machines);

// Names, labels, addresses and files that two machines share; bridges with more machines than addresses.
void check_together(Reading& reading, const std::vector<Machine>& machines, const std::vector<Bridge>& bridges);

// "<name>-<index>", or the name alone for index 0.
std::string indexed(std::string_view name, unsigned index);

}  // namespace meros::constellation
