// The machine's own packages, by apt in an overlay over the base, from an archive of just these.
#include <fmt/format.h>

#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "image/local_repository.h"
#include "image/overlay.h"
#include "image/room.h"
#include "image/settled_times.h"
#include "image/stage.h"
#include "image/stage_alpine.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// In the root while they are installed.
const std::string packages_place = "/.meros-packages";

std::vector<std::string> apt(const std::vector<std::string>& words) {
  std::vector<std::string> argv = {"apt-get",
                                   "-q",
                                   "-y",
                                   "-o",
                                   "Dpkg::Use-Pty=0",
                                   "-o",
                                   "DPkg::Options::=--force-unsafe-io",
                                   "-o",
                                   "APT::Sandbox::User=root"};
  for (const auto& [name, value] : {std::pair{"Dir::Etc::SourceList", packages_place + "/sources.list"},
                                    {"Dir::Etc::SourceParts", "/dev/null"},
                                    {"Dir::State::Lists", packages_place + "/lists"},
                                    {"Dir::Cache", packages_place + "/cache"}})
    argv.insert(argv.end(), {"-o", fmt::format("{}={}", name, value)});
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

// "nginx/bookworm-backports": which one was meant is settled by now.
std::string without_suite(const std::string& word) { return word.substr(0, word.find('/')); }

void install(const StageInputs& inputs, const fs::path& merged) {
  const fs::path directory = merged.string() + packages_place;
  for (const char* name : {"lists/partial", "cache/archives/partial"}) fs::create_directories(directory / name);
  replace_file(directory / "sources.list", source_line("file", packages_place + "/archive") + "\n", 0644,
               Durability::process_crash_only);
  const Room room{merged, "build", {}, {}};
  run_step(room, apt({"update"}));
  std::vector<std::string> words = {"--no-install-recommends", "install", "--"};
  for (const auto& word : inputs.spec.packages) words.push_back(without_suite(word));
  run_step(room, apt(words));
}

}  // namespace

void install_packages(const StageInputs& inputs) {
  if (inputs.spec.distribution == Distribution::alpine) return install_alpine_packages(inputs);
  const std::int64_t started = std::time(nullptr);
  const std::int64_t below = newest_below(inputs);
  // Below the mount: links do not lead through an overlay.
  const fs::path repository = inputs.work.string() + "/upper" + packages_place + "/archive";
  fs::create_directories(repository.parent_path());
  make_repository({inputs.archives, repository, inputs.set, inputs.spec.release, debian_arch(inputs.spec.arch)});
  Overlay overlay(layers_of(inputs), inputs.work);
  install(inputs, overlay.merged());
  overlay.unmount();
  fs::remove_all(overlay.upper().string() + packages_place);
  fs::remove_all(inputs.work / "work");
  fs::remove(inputs.work / "merged");
  finish_entry(inputs.work, inputs.entry, {inputs.set, settle_times(overlay.upper(), started, below)});
}

}  // namespace meros::image
