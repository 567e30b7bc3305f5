#include "fakes/firecracker/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace meros::fake {
namespace {

constexpr std::array<std::string_view, 15> with_value = {"api-sock",
                                                         "config-file",
                                                         "describe-snapshot",
                                                         "http-api-max-payload-size",
                                                         "id",
                                                         "level",
                                                         "log-path",
                                                         "metadata",
                                                         "metrics-path",
                                                         "mmds-size-limit",
                                                         "module",
                                                         "parent-cpu-time-us",
                                                         "seccomp-filter",
                                                         "start-time-cpu-us",
                                                         "start-time-us"};
constexpr std::array<std::string_view, 9> flags = {"boot-timer", "enable-pci",      "help",
                                                   "no-api",     "no-seccomp",      "show-level",
                                                   "version",    "show-log-origin", "snapshot-version"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Arguments::Arguments(const std::vector<std::string>& words) {
  for (std::string_view end : {"--help", "-h", "--version"})
    if (is_one_of(words, end)) {
      values_[end == "--version" ? "version" : "help"] = "";
      return;
    }
  for (auto word = words.begin(); word != words.end(); ++word) {
    const std::string name = word->starts_with("--") ? word->substr(2) : "";
    const bool wants_value = is_one_of(with_value, name);
    if (!wants_value && !is_one_of(flags, name)) {
      const std::string shown = name.empty() ? *word : name;
      throw BadArguments{
          fmt::format("Found argument '{}' which wasn't expected, or isn't valid in this context.", shown),
          fmt::format("UnexpectedArgument(\"{}\")", shown)};
    }
    if (has(name))
      throw BadArguments{fmt::format("The argument '{}' was provided more than once.", name),
                         fmt::format("DuplicateArgument(\"{}\")", name)};
    if (wants_value && (word + 1 == words.end() || (word + 1)->starts_with("--")))
      throw BadArguments{fmt::format("The argument '{}' requires a value, but none was supplied.", name),
                         fmt::format("MissingValue(\"{}\")", name)};
    values_[name] = wants_value ? *++word : "";
  }
  if (has("no-api") && !has("config-file"))
    throw BadArguments{"Argument 'config-file' required, but not found.", "MissingArgument(\"config-file\")"};
}

std::optional<std::string> Arguments::value(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace meros::fake
