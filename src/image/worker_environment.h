// What is the same for all that runs during a build, so that a build is the same for everybody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace meros::image {

// 2023-01-01: what tools take for now where they can be told (SOURCE_DATE_EPOCH). Some write the date into files: the
// day of the last change of a password, for one.
constexpr std::int64_t build_time = 1672531200;

// PATH, LANG, TZ, SOURCE_DATE_EPOCH, and the proxies of our own environment.
std::vector<std::string> worker_environment();

}  // namespace meros::image
