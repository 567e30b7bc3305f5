// A request's body, read by the rules of the real one: known fields only, each of its type, none missing, none twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "fakes/firecracker/schema.h"

namespace meros::fake {

using Body = nlohmann::ordered_json;

// Throws Fault in the real one's words, without the place that it names ("at line 1 column 20").
Body parse_body(std::string_view text, const Schema& schema);
// The same for one that is parsed already.
void check_body(const Body& body, const Schema& schema);

}  // namespace meros::fake
