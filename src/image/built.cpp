#include "image/built.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t largest_file = std::size_t{64} << 10;

// The name of a file in that directory and nothing else: the JSON may have been written by somebody else.
std::string file_name(std::string name, std::string_view key) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw InvalidError(fmt::format("'{}' is not the name of a file", key));
  return name;
}

std::optional<std::string> optional_file_name(const Json& json, std::string_view key) {
  std::string name = get_or<std::string>(json, key, "");
  if (name.empty()) return std::nullopt;
  return file_name(std::move(name), key);
}

StageHashes stages_from(const Json& json) {
  StageHashes stages;
  stages.base = get_or<std::string>(json, "base", "");
  stages.packages = get_or<std::string>(json, "packages", "");
  stages.kernel = get_or<std::string>(json, "kernel", "");
  stages.customised = get_or<std::string>(json, "customised", "");
  stages.packed = get_or<std::string>(json, "packed", "");
  return stages;
}

Built built_from(const Json& json) {
  if (const int version = get<int>(json, "schema_version"); version > built_schema_version)
    throw InvalidError(fmt::format("it has schema version {}, and this meros knows {}", version, built_schema_version),
                       "use the meros that built it, or build it anew");
  Built built;
  built.constellation = get<std::string>(json, "constellation");
  built.machine = get<std::string>(json, "machine");
  built.distribution = get<std::string>(json, "distribution");
  built.release = get<std::string>(json, "release");
  built.arch = get<std::string>(json, "arch");
  built.user = get<std::string>(json, "user");
  built.rootfs = file_name(get<std::string>(json, "rootfs"), "rootfs");
  built.kernel = optional_file_name(json, "kernel");
  built.initrd = optional_file_name(json, "initrd");
  built.root_device = get<std::string>(json, "root_device");
  built.boots_itself = get_or<bool>(json, "boots_itself", false);
  built.bytes = get<std::uint64_t>(json, "bytes");
  built.built_at = get<std::int64_t>(json, "built_at_ms");
  built.stages = stages_from(get<Json>(json, "stages"));
  const Json resolved = get_or<Json>(json, "resolved", Json::object());
  built.resolved = {get_or<std::string>(resolved, "base", ""), get_or<std::string>(resolved, "packages", ""),
                    get_or<std::string>(resolved, "kernel", "")};
  built.stamp = get_or<std::string>(json, "stamp", "");
  built.kernel_stamp = get_or<std::string>(json, "kernel_stamp", "");
  return built;
}

Json to_json(const Built& built) {
  return {{"schema_version", built_schema_version},
          {"constellation", built.constellation},
          {"machine", built.machine},
          {"distribution", built.distribution},
          {"release", built.release},
          {"arch", built.arch},
          {"user", built.user},
          {"rootfs", built.rootfs},
          {"kernel", built.kernel ? Json(*built.kernel) : Json()},
          {"initrd", built.initrd ? Json(*built.initrd) : Json()},
          {"root_device", built.root_device},
          {"boots_itself", built.boots_itself},
          {"bytes", built.bytes},
          {"built_at", format_time(built.built_at)},
          {"built_at_ms", built.built_at},
          {"stages",
           {{"base", built.stages.base},
            {"packages", built.stages.packages},
            {"kernel", built.stages.kernel},
            {"customised", built.stages.customised},
            {"packed", built.stages.packed}}},
          {"resolved",
           {{"base", built.resolved.base}, {"packages", built.resolved.packages}, {"kernel", built.resolved.kernel}}},
          {"stamp", built.stamp},
          {"kernel_stamp", built.kernel_stamp}};
}

}  // namespace

fs::path disk_file(const fs::path& images_dir, const std::string& constellation, const std::string& machine,
                   const std::string& suffix) {
  return images_dir / (constellation + "-" + machine + suffix);
}

std::optional<Built> read_built(const fs::path& images_dir, const std::string& constellation,
                                const std::string& machine) {
  return read_built_file(disk_file(images_dir, constellation, machine, ".json"));
}

std::optional<Built> read_built_file(const fs::path& path) {
  const auto text = read_file_if_exists(path, largest_file);
  if (!text) return std::nullopt;
  try {
    Built built = built_from(parse_json(*text, path.string()));
    if (!fs::exists(path.parent_path() / built.rootfs)) return std::nullopt;
    return built;
  } catch (InvalidError& e) {
    e.add_context(fmt::format("cannot read '{}'", path.string()));
    e.suggest("remove it and build the image anew");
    throw;
  }
}

void write_built(const fs::path& images_dir, const Built& built) {
  replace_file(disk_file(images_dir, built.constellation, built.machine, ".json"), to_json(built).dump(2) + "\n");
}

}  // namespace meros::image
