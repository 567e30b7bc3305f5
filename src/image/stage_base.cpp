// The base: what mmdebstrap makes of a release, and nothing of this host in it.
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "image/guest_files.h"
#include "image/root_tree.h"
#include "image/settled_times.h"
#include "image/stage.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

std::vector<std::string> mmdebstrap_command(const StageInputs& inputs, const fs::path& root) {
  const RootfsSpec& spec = inputs.spec;
  std::vector<std::string> argv = {
      "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
      "--architectures=" + debian_arch(spec.arch), "--include=" + join(core_packages(spec.distribution), ","),
      // The next stages install by these lists.
      "--skip=cleanup/apt/lists", "--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\""};
  if (!spec.keyring.empty()) argv.push_back("--keyring=" + spec.keyring.string());
  argv.push_back(spec.release);
  argv.push_back(root.string());
  for (const auto& mirror : mirrors_of(spec)) argv.push_back(mirror);
  return argv;
}

// What differs from build to build, or is the host's.
void clean(RootTree& root) {
  for (const auto& name : root.list("/etc/ssh"))
    if (name.starts_with("ssh_host_")) root.remove("/etc/ssh/" + name);
  root.write("/etc/machine-id", "");
  root.remove("/var/lib/dbus/machine-id");
  root.remove("/etc/hostname");
  root.link("/etc/resolv.conf", resolv_conf_target);
}

}  // namespace

void make_base(const StageInputs& inputs) {
  const std::int64_t started = std::time(nullptr);
  const fs::path root = inputs.work / "root";
  const fs::path temporary = inputs.work / "tmp";
  fs::create_directories(temporary);
  // mmdebstrap takes an empty directory, whose mode becomes that of "/".
  fs::create_directory(root);
  fs::permissions(root, fs::perms(0755));
  run_tool(mmdebstrap_command(inputs, root), {"TMPDIR=" + temporary.string()});
  RootTree tree(root);
  clean(tree);
  fs::remove_all(temporary);
  const std::int64_t newest = settle_times(root, started, 0);
  finish_entry(inputs.work, inputs.entry, {digest_of_packages(root / "var/lib/dpkg/status"), newest});
}

}  // namespace meros::image
