#include "base/json.h"

namespace meros {

Json parse_json(std::string_view text, std::string_view origin) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw InvalidError(std::string(origin) + ": not valid JSON (at byte " + std::to_string(e.byte) + " of " +
                       std::to_string(text.size()) + ")");
  }
}

namespace detail {

void missing(std::string_view key) { throw InvalidError("'" + std::string(key) + "' is missing"); }

void wrong_type(std::string_view key, std::string_view wanted) {
  throw InvalidError("'" + std::string(key) + "' is not a " + std::string(wanted));
}

const Json* find_member(const Json& object, std::string_view key) {
  if (!object.is_object()) throw InvalidError("an object was expected around '" + std::string(key) + "'");
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace detail

Json to_json(const Error& error) {
  return {{"message", error.message()}, {"hint", error.hint()}, {"code", static_cast<int>(error.exit_code())}};
}

Error error_from_json(const Json& json) {
  return Error(get<std::string>(json, "message"), get_or<std::string>(json, "hint", {}),
               static_cast<ExitCode>(get_or<int>(json, "code", static_cast<int>(ExitCode::failed))));
}

}  // namespace meros
