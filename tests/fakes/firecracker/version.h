// The release whose API the stand-in speaks.
#pragma once

namespace meros::fake {

constexpr auto version = "1.16.1";

}  // namespace meros::fake
