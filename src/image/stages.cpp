#include "image/stages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/child.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "image/stage_use.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

std::vector<fs::path> paths_from(const Json& json, std::string_view key) {
  const auto texts = get<std::vector<std::string>>(json, key);
  return {texts.begin(), texts.end()};
}

Json spec_json(const RootfsSpec& spec) {
  Json disks = Json::array();
  for (const auto& disk : spec.disks)
    disks.push_back({{"label", disk.label}, {"fs_type", disk.fs_type}, {"mount_point", disk.mount_point}});
  return {{"constellation", spec.constellation},
          {"machine", spec.machine},
          {"distribution", static_cast<int>(spec.distribution)},
          {"release", spec.release},
          {"arch", static_cast<int>(spec.arch)},
          {"packages", spec.packages},
          {"mirrors", spec.mirrors},
          {"keyring", spec.keyring.string()},
          {"disks", disks},
          {"build_free_mb", spec.build_free_mb},
          {"includes", paths_json(spec.includes)},
          {"hooks", paths_json(spec.hooks)},
          {"format", static_cast<int>(spec.format)},
          {"kernel", spec.kernel},
          {"login", spec.login}};
}

RootfsSpec spec_from(const Json& json) {
  RootfsSpec spec;
  spec.constellation = get<std::string>(json, "constellation");
  spec.machine = get<std::string>(json, "machine");
  spec.distribution = static_cast<Distribution>(get<int>(json, "distribution"));
  spec.release = get<std::string>(json, "release");
  spec.arch = static_cast<vmm::Arch>(get<int>(json, "arch"));
  spec.packages = get<std::vector<std::string>>(json, "packages");
  spec.mirrors = get<std::vector<std::string>>(json, "mirrors");
  spec.keyring = get<std::string>(json, "keyring");
  for (const auto& disk : get<Json>(json, "disks"))
    spec.disks.push_back(
        {get<std::string>(disk, "label"), get<std::string>(disk, "fs_type"), get<std::string>(disk, "mount_point")});
  spec.build_free_mb = get<std::uint64_t>(json, "build_free_mb");
  spec.includes = paths_from(json, "includes");
  spec.hooks = paths_from(json, "hooks");
  spec.format = static_cast<ImageFormat>(get<int>(json, "format"));
  spec.kernel = get<bool>(json, "kernel");
  spec.login = get<std::string>(json, "login");
  return spec;
}

ResolveInputs resolve_inputs_from(const Json& json) {
  return {spec_from(get<Json>(json, "spec")), get<std::string>(json, "stage"), get<std::string>(json, "lists"),
          get<std::string>(json, "status"), get<bool>(json, "anew") ? Lists::anew : Lists::as_they_are};
}

}  // namespace

Json paths_json(const std::vector<fs::path>& paths) {
  Json list = Json::array();
  for (const auto& path : paths) list.push_back(path.string());
  return list;
}

Json to_json(const StageInputs& inputs) {
  return {{"spec", spec_json(inputs.spec)},           {"work", inputs.work.string()},
          {"entry", inputs.entry.string()},           {"base", inputs.base.string()},
          {"packages", inputs.packages.string()},     {"kernel", inputs.kernel.string()},
          {"customised", inputs.customised.string()}, {"set", to_json(inputs.set)},
          {"archives", inputs.archives.string()},     {"user_public", inputs.keys.user_public},
          {"host_ed25519", inputs.keys.host_ed25519}, {"host_ed25519_public", inputs.keys.host_ed25519_public},
          {"host_rsa", inputs.keys.host_rsa},         {"host_rsa_public", inputs.keys.host_rsa_public},
          {"image", inputs.image.string()},           {"hash", inputs.hash}};
}

StageInputs stage_inputs_from(const Json& json) {
  StageInputs inputs;
  inputs.spec = spec_from(get<Json>(json, "spec"));
  inputs.work = get<std::string>(json, "work");
  inputs.entry = get<std::string>(json, "entry");
  inputs.base = get<std::string>(json, "base");
  inputs.packages = get<std::string>(json, "packages");
  inputs.kernel = get<std::string>(json, "kernel");
  inputs.customised = get<std::string>(json, "customised");
  inputs.set = package_set_from(get<Json>(json, "set"));
  inputs.archives = get<std::string>(json, "archives");
  inputs.keys = {get<std::string>(json, "user_public"), get<std::string>(json, "host_ed25519"),
                 get<std::string>(json, "host_ed25519_public"), get<std::string>(json, "host_rsa"),
                 get<std::string>(json, "host_rsa_public")};
  inputs.image = get<std::string>(json, "image");
  inputs.hash = get<std::string>(json, "hash");
  return inputs;
}

Json to_json(const ResolveInputs& inputs) {
  return {{"spec", spec_json(inputs.spec)},
          {"stage", inputs.stage},
          {"lists", inputs.lists.string()},
          {"status", inputs.status.string()},
          {"anew", inputs.wanted == Lists::anew}};
}

Json run_stage(const std::string& stage, const Json& json) {
  if (stage == "remove") return Json::object();
  if (stage == "resolve") return to_json(resolve(resolve_inputs_from(json)));
  if (stage == "used") return use_image(json);
  const StageInputs inputs = stage_inputs_from(json);
  log_line(fmt::format("stage {} {}", stage, inputs.hash));
  if (stage == "packed") return {{"bytes", pack(inputs)}};
  if (stage == "base")
    make_base(inputs);
  else if (stage == "packages")
    install_packages(inputs);
  else if (stage == "kernel")
    make_kernel(inputs);
  else
    customise(inputs);
  return Json::object();
}

std::vector<fs::path> layers_of(const StageInputs& inputs) {
  std::vector<fs::path> layers;
  if (!inputs.customised.empty()) layers.push_back(inputs.customised / "upper");
  if (!inputs.kernel.empty() && fs::is_directory(inputs.kernel / "tree")) layers.push_back(inputs.kernel / "tree");
  if (!inputs.packages.empty()) layers.push_back(inputs.packages / "upper");
  layers.push_back(inputs.base / "root");
  return layers;
}

void run_tool(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  Command command;
  command.argv = argv;
  command.environment = environment;
  command.pass(1, 1);
  command.pass(2, 2);
  Child child = spawn(command);
  const ExitStatus status = child.wait();
  if (!status.success()) throw Error(fmt::format("{} ended with {}", argv.front(), status.describe()));
}

void finish_entry(const fs::path& made, const fs::path& entry, const EntryFacts& facts) {
  const Json json = {{"schema_version", 1}, {"packages", to_json(facts.set)}, {"newest", facts.newest}};
  replace_file(made / "entry.json", json.dump() + "\n");
  // A whole entry after a crash of the host, or none: file systems may write a name before the content.
  const Fd directory = open_file(made, O_RDONLY | O_DIRECTORY);
  if (::syncfs(directory.get()) != 0) throw_errno("cannot flush the cache");
  // Not removed in its place: it would be there in part for a moment.
  const fs::path former = made.string() + former_suffix;
  if (fs::exists(entry)) fs::rename(entry, former);
  fs::rename(made, entry);
  fs::remove_all(former);
}

EntryFacts read_facts(const fs::path& entry) {
  const Json json = parse_json(read_file(entry / "entry.json"), (entry / "entry.json").string());
  return {package_set_from(get<Json>(json, "packages")), get<std::int64_t>(json, "newest")};
}

std::int64_t newest_below(const StageInputs& inputs) {
  std::int64_t newest = 0;
  for (const auto& entry : {inputs.base, inputs.packages, inputs.kernel})
    if (!entry.empty()) newest = std::max(newest, read_facts(entry).newest);
  return newest;
}

void flush_file(const fs::path& file) {
  const Fd fd = open_file(file, O_RDONLY);
  if (::fdatasync(fd.get()) != 0) throw_errno(fmt::format("cannot flush '{}'", file.string()));
}

void log_line(const std::string& text) {
  const std::string line = "meros: " + text + "\n";
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace meros::image
