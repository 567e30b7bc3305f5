// How many files this process may have open.
#pragma once

namespace meros::cli {

// As many as the hard limit allows, for verbs that hold some for each of many machines. SystemError.
void allow_many_descriptors();

}  // namespace meros::cli
