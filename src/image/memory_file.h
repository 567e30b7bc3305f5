// A file without a name: what is handed to a child, however long it is.
#pragma once

#include <string_view>

#include "base/fd.h"

namespace meros::image {

// Holds `content`, and is at its beginning. Throws SystemError.
Fd memory_file(std::string_view content = {});

}  // namespace meros::image
