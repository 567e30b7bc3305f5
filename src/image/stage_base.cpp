// The base: what mmdebstrap makes of a release, and nothing of this host in it.
#include <fmt/format.h>

#include <ctime>

#include "base/file.h"
#include "base/text.h"
#include "image/foreign_arch.h"
#include "image/guest_files.h"
#include "image/local_repository.h"
#include "image/root_tree.h"
#include "image/settled_times.h"
#include "image/stage.h"
#include "image/stage_alpine.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// Of an archive that has the wanted packages only: it is to install all of them.
std::vector<std::string> mmdebstrap_command(const StageInputs& inputs, const fs::path& root,
                                            const fs::path& repository) {
  const RootfsSpec& spec = inputs.spec;
  std::vector<std::string> names;
  for (const auto& package : inputs.set) names.push_back(package.name);
  std::vector<std::string> argv = {"mmdebstrap",
                                   "--mode=root",
                                   "--variant=essential",
                                   "--format=directory",
                                   "--architectures=" + debian_arch(spec.arch),
                                   "--include=" + join(names, ","),
                                   "--aptopt=Acquire::Languages \"none\"",
                                   "--aptopt=APT::Install-Recommends \"false\""};
  // It asks for one more program (arch-test) to learn what require_runnable knows.
  if (spec.arch != vmm::host_arch()) argv.emplace_back("--skip=check/qemu");
  // It copies: the directory is not to be seen from inside.
  argv.insert(argv.end(), {spec.release, root.string(), source_line("copy", repository)});
  return argv;
}

// What differs from build to build, or is the host's.
void clean(RootTree& root, const RootfsSpec& spec) {
  for (const auto& name : root.list("/etc/ssh"))
    if (name.starts_with("ssh_host_")) root.remove("/etc/ssh/" + name);
  root.write("/etc/machine-id", "");
  root.remove("/var/lib/dbus/machine-id");
  root.remove("/etc/hostname");
  root.link("/etc/resolv.conf", resolv_conf_target);
  root.write("/etc/apt/sources.list", join(mirrors_of(spec), "\n") + "\n");
  if (spec.keyring.empty()) return;
  const std::string keys = read_file(spec.keyring);
  root.write(keys.starts_with("-----BEGIN") ? "/etc/apt/trusted.gpg.d/meros.asc" : "/etc/apt/trusted.gpg.d/meros.gpg",
             keys);
}

}  // namespace

void make_base(const StageInputs& inputs) {
  require_runnable(inputs.spec.arch);
  if (inputs.spec.distribution == Distribution::alpine) return make_alpine_base(inputs);
  const std::int64_t started = std::time(nullptr);
  const fs::path root = inputs.work / "root";
  const fs::path temporary = inputs.work / "tmp";
  fs::create_directories(temporary);
  // mmdebstrap takes an empty directory, whose mode becomes that of "/".
  fs::create_directory(root);
  fs::permissions(root, fs::perms(0755));
  const fs::path repository = inputs.work / "packages";
  make_repository({inputs.archives, repository, inputs.set, inputs.spec.release, debian_arch(inputs.spec.arch)});
  run_tool(mmdebstrap_command(inputs, root, repository), {"TMPDIR=" + temporary.string()});
  RootTree tree(root);
  clean(tree, inputs.spec);
  fs::remove_all(repository);
  fs::remove_all(temporary);
  const std::int64_t newest = settle_times(root, started, 0);
  finish_entry(inputs.work, inputs.entry, {inputs.set, newest});
}

}  // namespace meros::image
