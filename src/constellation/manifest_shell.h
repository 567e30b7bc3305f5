// Words of a command line, split as a shell does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace meros::constellation {

// Single quotes, double quotes and backslashes as in sh(1); nothing is substituted but `~/` at the beginning of a word
// that is not in quotes, by `home`. InvalidError for quotes that are never closed, a backslash at the end, and `~/`
// without a home.
std::vector<std::string> split_words(std::string_view text, std::string_view home);

}  // namespace meros::constellation
