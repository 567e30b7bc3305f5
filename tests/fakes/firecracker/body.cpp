#include "fakes/firecracker/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "fakes/firecracker/fault.h"

namespace meros::fake {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Fault("An error occurred when deserializing the json body of a request: " + why + ".");
}

// "expected `a`", "expected `a` or `b`", "expected one of `a`, `b`, `c`"
std::string expected(const std::vector<std::string_view>& names) {
  if (names.size() == 1) return fmt::format("expected `{}`", names[0]);
  if (names.size() == 2) return fmt::format("expected `{}` or `{}`", names[0], names[1]);
  std::string all = "expected one of ";
  for (std::size_t i = 0; i < names.size(); ++i) all += fmt::format("{}`{}`", i == 0 ? "" : ", ", names[i]);
  return all;
}

std::string describe(const Body& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return fmt::format("boolean `{}`", value.get<bool>());
  if (value.is_number_integer()) return fmt::format("integer `{}`", value.dump());
  if (value.is_number()) return fmt::format("floating point `{}`", value.dump());
  if (value.is_string()) return fmt::format("string {}", value.dump());
  return value.is_array() ? "sequence" : "map";
}

[[noreturn]] void refuse_type(const Body& value, std::string_view wanted) {
  refuse(fmt::format("invalid type: {}, expected {}", describe(value), wanted));
}

void check_number(const Body& value, std::uint64_t most, std::string_view wanted) {
  if (!value.is_number_integer()) refuse_type(value, wanted);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
    refuse(fmt::format("invalid value: {}, expected {}", describe(value), wanted));
}

void check_choice(const Body& value, const Field& field) {
  if (!value.is_string()) refuse("expected value");
  const auto text = value.get<std::string>();
  if (std::find(field.choices.begin(), field.choices.end(), text) == field.choices.end())
    refuse(fmt::format("unknown variant `{}`, {}", text, expected({field.choices.begin(), field.choices.end()})));
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

void check_level(const Body& value, const Field& field) {
  if (!value.is_string()) refuse_type(value, "a string");
  const auto text = value.get<std::string>();
  const bool known = same_ignoring_case(text, "warn") ||
                     std::any_of(field.choices.begin(), field.choices.end(),
                                 [&](std::string_view choice) { return same_ignoring_case(text, choice); });
  if (!known) refuse("Invalid LevelFilter");
}

void check_mac(const Body& value) {
  if (!value.is_string()) refuse_type(value, "a string");
  const auto text = value.get<std::string>();
  bool good = text.size() == 17;
  for (std::size_t i = 0; good && i < text.size(); ++i)
    good = i % 3 == 2 ? text[i] == ':' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
  if (!good) refuse("The provided MAC address is invalid.");
}

void check_value(const Body& value, const Field& field) {
  switch (field.type) {
    case Type::text:
      if (!value.is_string()) refuse_type(value, "a string");
      return;
    case Type::boolean:
      if (!value.is_boolean()) refuse_type(value, "a boolean");
      return;
    case Type::u8:
      return check_number(value, std::numeric_limits<std::uint8_t>::max(), "u8");
    case Type::u16:
      return check_number(value, std::numeric_limits<std::uint16_t>::max(), "u16");
    case Type::u64:
      return check_number(value, std::numeric_limits<std::uint64_t>::max(), "usize");
    case Type::choice:
      return check_choice(value, field);
    case Type::level:
      return check_level(value, field);
    case Type::mac:
      return check_mac(value);
    case Type::object:
      return check_body(value, *field.schema);
  }
}

const Field* field_named(const Schema& schema, std::string_view name) {
  const auto found =
      std::find_if(schema.fields.begin(), schema.fields.end(), [&](const Field& field) { return field.name == name; });
  return found == schema.fields.end() ? nullptr : &*found;
}

void check_fields(const Body& body, const Schema& schema) {
  for (const auto& [name, value] : body.items()) {
    const Field* field = field_named(schema, name);
    if (field == nullptr) {
      std::vector<std::string_view> names;
      for (const Field& known : schema.fields) names.push_back(known.name);
      refuse(fmt::format("unknown field `{}`, {}", name, expected(names)));
    }
    if (!(value.is_null() && field->presence == Presence::optional)) check_value(value, *field);
  }
}

// Says whether a key comes twice in one object of a text, which a parsed document does not show any more.
class DuplicateFinder : public nlohmann::json_sax<Body> {
 public:
  const std::string& duplicate() const { return duplicate_; }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(Body::binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool key(std::string& name) override {
    auto& seen = keys_.back();
    if (duplicate_.empty() && std::find(seen.begin(), seen.end(), name) != seen.end()) duplicate_ = name;
    seen.push_back(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  std::vector<std::vector<std::string>> keys_;
  std::string duplicate_;
};

}  // namespace

void check_body(const Body& body, const Schema& schema) {
  if (body.is_array() && body.size() < schema.fields.size())
    refuse(fmt::format("invalid length {}, expected struct {} with {} element{}", body.size(), schema.name,
                       schema.fields.size(), schema.fields.size() == 1 ? "" : "s"));
  if (!body.is_object()) refuse_type(body, fmt::format("struct {}", schema.name));
  check_fields(body, schema);
  for (const Field& field : schema.fields)
    if (field.presence == Presence::required && !body.contains(field.name))
      refuse(fmt::format("missing field `{}`", field.name));
}

Body parse_body(std::string_view text, const Schema& schema) {
  Body body = Body::parse(text, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) refuse("expected value");
  check_body(body, schema);
  DuplicateFinder finder;
  Body::sax_parse(text, &finder);
  if (!finder.duplicate().empty()) refuse(fmt::format("duplicate field `{}`", finder.duplicate()));
  return body;
}

}  // namespace meros::fake
