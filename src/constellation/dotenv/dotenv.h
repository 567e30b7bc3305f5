// The .env file of a constellation: variables for its manifest.
//
//   NAME=value            up to the end of the line, without the blanks around it; ' #' begins a comment
//   NAME='value'          as it stands
//   NAME="value"          with \n, \t, \", \\ and \$; may go over several lines, as may the one above
//   export NAME=value     read the same
//
// Nothing is substituted in it: what a value may hold does not depend on the environment.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "constellation/manifest_text.h"

namespace meros::constellation {

struct DotEnv {
  std::map<std::string, std::string, std::less<>> variables;  // of a name given twice the last one
  std::vector<Diagnostic> errors;                             // all of them
};

constexpr std::size_t max_dotenv_bytes = std::size_t{64} << 10;

// Pure. `origin` is what errors call the file.
DotEnv parse_dotenv(std::string text, std::string origin);

}  // namespace meros::constellation
