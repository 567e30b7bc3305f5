#include "constellation/manifest_field.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "constellation/manifest_fields.h"

namespace meros::constellation {
namespace {

// ${VAR} may stand for anything: its value is looked at where the manifest is used.
constexpr std::string_view variable_pattern = "\\$\\{";

std::string or_variable(std::string_view pattern) { return fmt::format("({})|{}", pattern, variable_pattern); }

}  // namespace

namespace schema_of {

Json flag() {
  return {{"type", {"boolean", "string"}},
          {"pattern", or_variable("^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF)$")}};
}

Json number(std::uint64_t least, std::uint64_t most) {
  return {{"type", {"integer", "string"}}, {"minimum", least}, {"maximum", most}, {"pattern", or_variable("^[0-9]+$")}};
}

Json text(std::string_view pattern) {
  // What looks like a number to an editor is text all the same.
  Json schema = {{"type", {"string", "number"}}};
  if (!pattern.empty()) schema["pattern"] = or_variable(pattern);
  return schema;
}

Json word(const std::vector<std::string>& words) {
  return {{"anyOf", {{{"enum", words}}, {{"type", "string"}, {"pattern", variable_pattern}}}}};
}

Json list(Json item, Single single) {
  Json whole = {{"type", "array"}, {"items", item}, {"maxItems", max_items}};
  if (single == Single::refused) return {{"anyOf", {std::move(whole), {{"type", "null"}}}}};
  return {{"anyOf", {std::move(whole), std::move(item), {{"type", "null"}}}}};
}

}  // namespace schema_of

bool is_word(std::string_view text, std::string_view first, std::string_view rest, std::size_t longest) {
  const auto in = [](char c, std::string_view others) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= longest && in(text.front(), first) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return in(c, rest); });
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<std::string> read_checked(Reading& reading, const Value& value, bool (*accepts)(std::string_view),
                                        std::string_view otherwise) {
  auto text = read_text(reading, value);
  if (!text || accepts(*text)) return text;
  reading.error(value.at, fmt::format("'{}' cannot be {}", value.name, in_quotes(*text)), std::string(otherwise));
  return std::nullopt;
}

}  // namespace meros::constellation
