// SHA-256 (FIPS 180-4), by nettle.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace meros::image {

// 64 hexadecimal digits, made lower case. InvalidError names `what` and the text.
std::string parse_sha256(std::string_view text, std::string_view what);

// Of a text.
std::string sha256_of(std::string_view text);
// Of a whole open file, read from its beginning without moving its offset. `progress` gets the bytes done so far.
std::string sha256_of(const Fd& file, const std::function<void(std::uint64_t)>& progress = {});

}  // namespace meros::image
