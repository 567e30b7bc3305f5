#include "image/kernel_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace meros::image {
namespace {

constexpr std::string_view prefix = "CONFIG_";
constexpr std::string_view not_set = " is not set";

bool is_option_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_plain(std::string_view value) {
  return !value.empty() &&
         std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

struct Option {
  std::string name;
  std::string value;
};

std::optional<Option> unset_option(std::string_view line) {
  line = trim(line.substr(1));
  if (!line.starts_with(prefix) || !line.ends_with(not_set)) return std::nullopt;
  const auto name = line.substr(prefix.size(), line.size() - prefix.size() - not_set.size());
  return is_option_name(name) ? std::optional(Option{std::string(name), "n"}) : std::nullopt;
}

std::optional<Option> set_option(std::string_view line) {
  const auto sign = line.find('=');
  if (!line.starts_with(prefix) || sign == std::string_view::npos) return std::nullopt;
  const auto name = line.substr(prefix.size(), sign - prefix.size());
  const auto value = line.substr(sign + 1);
  if (!is_option_name(name) || !is_plain(value)) return std::nullopt;
  return Option{std::string(name), std::string(value)};
}

}  // namespace

KernelConfig parse_kernel_config(std::string_view text, std::string_view origin) {
  KernelConfig config;
  std::size_t number = 0;
  for (const auto& whole : split(text, '\n')) {
    ++number;
    const auto line = trim(whole);
    if (line.empty()) continue;
    const bool comment = line.front() == '#';
    const auto option = comment ? unset_option(line) : set_option(line);
    if (option)
      config[option->name] = option->value;
    else if (!comment)
      throw InvalidError(fmt::format("{}:{}: this is no kernel option", origin, number),
                         "write CONFIG_NAME=VALUE, or '# CONFIG_NAME is not set'");
  }
  return config;
}

std::string to_text(const KernelConfig& config) {
  std::string text;
  for (const auto& [name, value] : config)
    text +=
        value == "n" ? fmt::format("# {}{}{}\n", prefix, name, not_set) : fmt::format("{}{}={}\n", prefix, name, value);
  return text;
}

KernelConfig merged(KernelConfig config, const KernelConfig& over) {
  for (const auto& [name, value] : over) config[name] = value;
  return config;
}

std::vector<LostOption> lost_options(const KernelConfig& asked, const KernelConfig& got) {
  std::vector<LostOption> lost;
  for (const auto& [name, value] : asked) {
    const auto found = got.find(name);
    // One that depends on what is not there is not in the file at all.
    const std::string now = found == got.end() ? "n" : found->second;
    if (now != value) lost.push_back({std::string(prefix) + name, value, now});
  }
  return lost;
}

}  // namespace meros::image
