// One table of fields for each kind of thing in a manifest. The parser and the JSON Schema are both made from it, so a
// field is read if and only if the schema has it.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/text.h"
#include "constellation/manifest_reading.h"

namespace meros::constellation {

using Json = nlohmann::json;

template <typename Owner>
struct Field {
  std::string name;
  std::string description;
  Json schema;  // of the value, without the description
  std::function<void(Reading&, const Value&, Owner&)> read;
  bool required = false;
  std::string same_as = {};  // an older name of that field
};

template <typename Owner>
struct Table {
  std::string what;  // "a machine": for messages
  std::vector<Field<Owner>> fields;
  std::string ignored_prefix = {};  // keys that begin so are not read; empty: none

  const Field<Owner>* find(std::string_view name) const {
    for (const auto& field : fields)
      if (field.name == name) return &field;
    return nullptr;
  }
  // "accel" of "kvm" and the other way round.
  std::string other_name_of(const Field<Owner>& field) const {
    for (const auto& each : fields)
      if (field.same_as == each.name || each.same_as == field.name) return each.name;
    return {};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& field : fields) all.push_back(field.name);
    return all;
  }
};

// Parts of schemas. Text that holds "${" may stand for anything.
namespace schema_of {
Json flag();
Json number(std::uint64_t least, std::uint64_t most);
Json text(std::string_view pattern = {});  // a regular expression for the whole text
Json word(const std::vector<std::string>& words);
Json list(Json item, Single single);
}  // namespace schema_of

template <typename Owner>
Field<Owner> flag_field(std::string name, bool Owner::*member, std::string description) {
  Json schema = schema_of::flag();
  schema["default"] = Owner{}.*member;
  return {std::move(name), std::move(description), std::move(schema),
          [member](Reading& reading, const Value& value, Owner& owner) {
            if (const auto flag = read_flag(reading, value)) owner.*member = *flag;
          }};
}

template <typename Owner, std::unsigned_integral Number>
Field<Owner> number_field(std::string name, Number Owner::*member, std::uint64_t least, std::uint64_t most,
                          std::string description) {
  Json schema = schema_of::number(least, most);
  schema["default"] = Owner{}.*member;
  return {std::move(name), std::move(description), std::move(schema),
          [member, least, most](Reading& reading, const Value& value, Owner& owner) {
            if (const auto number = read_number(reading, value, least, most))
              owner.*member = static_cast<Number>(*number);
          }};
}

// An enumeration whose values in their order are called `words`.
template <typename Owner, typename Enum>
requires std::is_enum_v<Enum> Field<Owner> word_field(std::string name, Enum Owner::*member, std::vector<Enum> values,
                                                      std::string description) {
  std::vector<std::string> words;
  for (const Enum each : values) words.emplace_back(to_string(each));
  Json schema = schema_of::word(words);
  if (const auto otherwise = std::string(to_string(Owner{}.*member)); !otherwise.empty()) schema["default"] = otherwise;
  return {std::move(name), std::move(description), std::move(schema),
          [member, values, words](Reading& reading, const Value& value, Owner& owner) {
            if (const auto index = read_word(reading, value, words)) owner.*member = values[*index];
          }};
}

// Text that is one of `words`.
template <typename Owner>
Field<Owner> word_field(std::string name, std::string Owner::*member, std::vector<std::string> words,
                        std::string description) {
  Json schema = schema_of::word(words);
  schema["default"] = Owner{}.*member;
  return {std::move(name), std::move(description), std::move(schema),
          [member, words](Reading& reading, const Value& value, Owner& owner) {
            if (const auto index = read_word(reading, value, words)) owner.*member = words[*index];
          }};
}

// Whatever `read` makes of it.
template <typename Owner>
Field<Owner> field(std::string name, Json schema, std::function<void(Reading&, const Value&, Owner&)> read,
                   std::string description) {
  return {std::move(name), std::move(description), std::move(schema), std::move(read)};
}

// Of a map in the manifest into `owner`, with its place in `written`. Unknown keys, missing ones and two names of one
// field are findings. `elsewhere` gives the help for a key that this table does not have.
using Elsewhere = std::function<std::string(std::string_view key)>;

template <typename Owner>
bool read_fields(Reading& reading, const Table<Owner>& table, const Value& value, Owner& owner, Written& written,
                 const Elsewhere& elsewhere) {
  written.at = value.at;
  if (value.node.kind != Node::Kind::map && value.node.kind != Node::Kind::null) {
    const bool colon = value.node.text.find(':') != std::string::npos;
    reading.error(reading.position_of(value.node.offset),
                  fmt::format("{} must be a map of its fields, not {}",
                              value.name.empty() ? "a manifest" : in_quotes(value.name), describe(value.node)),
                  colon ? "a key is followed by a ':' and a blank" : "");
    return false;
  }
  for (const Entry& entry : value.node.map) {
    const Position key_at = reading.position_of(entry.key_offset);
    const Field<Owner>* known = table.find(entry.key);
    if (known == nullptr) {
      if (!table.ignored_prefix.empty() && entry.key.starts_with(table.ignored_prefix)) continue;
      std::string help = reading.did_you_mean(entry.key, table.names());
      if (help.empty()) help = elsewhere(entry.key);
      if (help.empty()) help = fmt::format("{} has {}", table.what, join(table.names(), ", "));
      reading.error(key_at, fmt::format("unknown key {}", in_quotes(entry.key)), std::move(help));
      continue;
    }
    const std::string& name = known->same_as.empty() ? known->name : known->same_as;
    if (written.has(name)) {
      // What is written here goes before what comes from elsewhere, whatever it is called there.
      if (!entry.inherited)
        reading.error(key_at, fmt::format("'{}' is the same field as '{}', which is given too", entry.key,
                                          table.other_name_of(*known)));
      continue;
    }
    const Position at = entry.value->kind == Node::Kind::null ? key_at : reading.position_of(entry.value->offset);
    written.fields[name] = at;
    if (entry.inherited) written.inherited.insert(name);
    known->read(reading, {*entry.value, entry.key, at}, owner);
  }
  for (const auto& each : table.fields)
    if (each.required && !written.has(each.name))
      reading.error(written.at, fmt::format("'{}' is missing", each.name), as_help(each.description));
  return true;
}

}  // namespace meros::constellation
