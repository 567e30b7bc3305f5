// The JSON Schema of a manifest, for editors: made from the same tables as the parser.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace meros::constellation {

// Draft 2020-12.
nlohmann::json manifest_schema();
// The same as it is published: indented, with a line end.
std::string manifest_schema_text();

}  // namespace meros::constellation
