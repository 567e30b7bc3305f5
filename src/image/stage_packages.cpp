// The machine's own packages, by apt in an overlay over the base.
#include <fmt/format.h>

#include <ctime>

#include "base/error.h"
#include "image/overlay.h"
#include "image/room.h"
#include "image/settled_times.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

std::vector<std::string> apt(std::vector<std::string> words) {
  std::vector<std::string> argv = {
      "apt-get",           "-q", "-y", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Options::=--force-unsafe-io", "-o",
      "Acquire::Retries=3"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

}  // namespace

void install_packages(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  Overlay overlay(layers_of(inputs), inputs.work);
  const Room room{overlay.merged(), "build", {}, {}};
  std::vector<std::string> install = {"--no-install-recommends", "install", "--"};
  install.insert(install.end(), inputs.spec.packages.begin(), inputs.spec.packages.end());
  ExitStatus status = run_in(room, apt(install));
  if (!status.success()) {
    // The lists are as old as the base: what they name may be gone from the mirror by now.
    log_line("apt-get failed; once more with new lists");
    if (run_in(room, apt({"update"})).success()) status = run_in(room, apt(install));
  }
  if (!status.success()) throw Error(fmt::format("apt-get install ended with {}", status.describe()));
  run_in(room, {"apt-get", "clean"});
  overlay.unmount();
  fs::remove_all(inputs.work / "work");
  fs::remove(inputs.work / "merged");
  const std::int64_t newest = settle_times(overlay.upper(), started, newest_below(inputs));
  const fs::path status_file = inputs.work / "upper/var/lib/dpkg/status";
  finish_entry(inputs.work, inputs.entry,
               {fs::exists(status_file) ? digest_of_packages(status_file) : std::string("nothing new"), newest});
}

}  // namespace meros::image
