// Alpine's part of the stages (image/stages.h).
#pragma once

#include <string>
#include <vector>

#include "image/room.h"
#include "image/stages.h"

namespace meros::image {

void make_alpine_base(const StageInputs& inputs);
void install_alpine_packages(const StageInputs& inputs);
// Unpacked into `directory`/files of the room, with nothing of theirs run.
void fetch_alpine_packages(const Room& room, const std::string& directory, const std::vector<std::string>& packages);

}  // namespace meros::image
