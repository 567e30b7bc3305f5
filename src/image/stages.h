// What the stages do, in a worker (image/worker.h). Each makes an entry of the cache under a hidden name, and gives it
// its name when it is whole.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "image/package_set.h"
#include "image/resolve.h"
#include "image/rootfs_spec.h"
#include "image/ssh_keys.h"

namespace meros::image {

struct StageInputs {
  RootfsSpec spec;
  std::filesystem::path work;   // the unfinished entry: absent
  std::filesystem::path entry;  // the finished one; empty for `packed`
  // Finished entries that this stage stands on; empty where there is none.
  std::filesystem::path base;
  std::filesystem::path packages;
  std::filesystem::path kernel;
  std::filesystem::path customised;
  PackageSet set;                  // of base, packages and kernel: just these, and
  std::filesystem::path archives;  // where their files are (image/archives.h)
  MachineKeys keys;                // for `customised`
  std::filesystem::path image;     // what `packed` makes
  std::string hash;                // of this stage
};
// entry.json of an entry.
struct EntryFacts {
  PackageSet set;           // what it was made from
  std::int64_t newest = 0;  // the newest time of a file in it and below it, in seconds since 1970
};
nlohmann::json to_json(const StageInputs& inputs);
nlohmann::json paths_json(const std::vector<std::filesystem::path>& paths);
StageInputs stage_inputs_from(const nlohmann::json& json);

nlohmann::json to_json(const ResolveInputs& inputs);

// By name: "base", "packages", "kernel", "customised", "packed", or "remove", which does nothing. The result is for the
// caller: {"bytes": N} of packed. "resolve" (image/resolve.h) and "used" (image/stage_use.h) have inputs and results of
// their own.
nlohmann::json run_stage(const std::string& stage, const nlohmann::json& inputs);

void make_base(const StageInputs& inputs);
void install_packages(const StageInputs& inputs);
void make_kernel(const StageInputs& inputs);
void customise(const StageInputs& inputs);
std::uint64_t pack(const StageInputs& inputs);

// What the stages have in common.

// A former entry on its way out is called like the unfinished one, and this.
constexpr auto former_suffix = "-former";

// The layers of the system as far as it is made, from the top down.
std::vector<std::filesystem::path> layers_of(const StageInputs& inputs);
// Runs a tool of the host; Error "mke2fs ended with exit code 1" where it fails. What it prints goes into the log.
void run_tool(const std::vector<std::string>& argv, const std::vector<std::string>& environment = {});
// Says in it what it came to, brings it onto the disk, and gives it its name; a former one goes.
void finish_entry(const std::filesystem::path& made, const std::filesystem::path& entry, const EntryFacts& facts);
EntryFacts read_facts(const std::filesystem::path& entry);
// The newest time of a file in what this stage stands on.
std::int64_t newest_below(const StageInputs& inputs);
// Brings what was written to it onto the disk.
void flush_file(const std::filesystem::path& file);
// For the log: a line of its own.
void log_line(const std::string& text);

}  // namespace meros::image
