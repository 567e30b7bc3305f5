// JSON with errors that name the place: get<T>(object, "machine", "cpu_count"). Includes the whole of nlohmann-json, so
// headers of the layers above use json_fwd.hpp where they only pass it on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace meros {

using Json = nlohmann::json;

// Parses; InvalidError "<origin>: not valid JSON: <why> (byte N)".
Json parse_json(std::string_view text, std::string_view origin);

// The member as T. InvalidError "'<key>' is missing" or "'<key>' is not a <type>" (numbers are range-checked).
template <typename T>
T get(const Json& object, std::string_view key);
// The same, or `otherwise` when it is absent or null.
template <typename T>
T get_or(const Json& object, std::string_view key, T otherwise);

namespace detail {
[[noreturn]] void missing(std::string_view key);
[[noreturn]] void wrong_type(std::string_view key, std::string_view wanted);
const Json* find_member(const Json& object, std::string_view key);

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
T convert(const Json& value, std::string_view key) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) wrong_type(key, "string");
    return value.get<std::string>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) wrong_type(key, "boolean");
    return value.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!value.is_number_integer()) wrong_type(key, "whole number");
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.get<std::uint64_t>())
                                                 : std::in_range<T>(value.get<std::int64_t>());
    if (!fits) wrong_type(key, "number in range");
    return value.get<T>();
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number()) wrong_type(key, "number");
    return value.get<double>();
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_array()) wrong_type(key, "list");
    T list;
    for (const auto& item : value) list.push_back(convert<typename T::value_type>(item, key));
    return list;
  } else {
    static_assert(std::is_same_v<T, Json>);
    return value;
  }
}
}  // namespace detail

template <typename T>
T get(const Json& object, std::string_view key) {
  const Json* value = detail::find_member(object, key);
  if (value == nullptr || value->is_null()) detail::missing(key);
  return detail::convert<T>(*value, key);
}

template <typename T>
T get_or(const Json& object, std::string_view key, T otherwise) {
  const Json* value = detail::find_member(object, key);
  if (value == nullptr || value->is_null()) return otherwise;
  return detail::convert<T>(*value, key);
}

// An Error as JSON {"message", "hint", "code"} and back, for the sockets between our own processes.
Json to_json(const Error& error);
Error error_from_json(const Json& json);

}  // namespace meros
