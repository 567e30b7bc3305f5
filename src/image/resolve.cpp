#include "image/resolve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/stage.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// Nothing of this host's own configuration. apt reads this file before it looks for any other.
std::string configuration_for(const RootfsSpec& spec) {
  std::string text;
  for (const char* name : {"main", "parts", "preferences", "preferencesparts", "sourceparts", "netrc", "netrcparts"})
    text += fmt::format("Dir::Etc::{} \"/dev/null\";\n", name);
  const std::string arch = debian_arch(spec.arch);
  return text + fmt::format(
                    "APT::Architecture \"{}\";\nAPT::Architectures {{ \"{}\"; }};\nAPT::Install-Recommends "
                    "\"false\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries "
                    "\"3\";\nAcquire::ForceHash \"SHA256\";\npkgCacheGen::ForceEssential \",\";\n",
                    arch, arch);
}

class Apt {
 public:
  explicit Apt(const ResolveInputs& inputs) : inputs_(inputs), directory_(inputs.lists) {
    for (const char* name : {"lists/partial", "archives/partial", "log", "state"})
      fs::create_directories(directory_ / name);
    replace_file(directory_ / "apt.conf", configuration_for(inputs.spec), 0644, Durability::process_crash_only);
    replace_file(directory_ / "sources.list", join(mirrors_of(inputs.spec), "\n") + "\n", 0644,
                 Durability::process_crash_only);
    replace_file(directory_ / "status", "", 0644, Durability::process_crash_only);
  }

  void update() {
    const fs::path done = directory_ / "updated";
    if (inputs_.wanted == Lists::as_they_are && fs::exists(done)) return;
    fs::remove(done);
    run_tool(argv("apt-get", {"-q", "update", "--error-on=any"}), environment());
    replace_file(done, "", 0644, Durability::process_crash_only);
  }

  std::string output_of(const std::string& tool, const std::vector<std::string>& words) const {
    Command command;
    command.argv = argv(tool, words);
    command.environment = environment();
    const Output output = run(std::move(command));
    if (!output.err.empty()) log_line(std::string(trim(output.err)));
    if (!output.status.success())
      throw Error(fmt::format("{} ended with {}", tool, output.status.describe()), "'--pull' fetches the lists anew");
    return output.out;
  }

 private:
  std::vector<std::string> argv(const std::string& tool, const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {tool};
    const fs::path status = inputs_.status.empty() ? directory_ / "status" : inputs_.status;
    for (const auto& [name, path] : {std::pair{"Dir::Etc::SourceList", directory_ / "sources.list"},
                                     {"Dir::Etc::Trusted", keyring_of(inputs_.spec)},
                                     {"Dir::State", directory_ / "state"},
                                     {"Dir::State::Lists", directory_ / "lists"},
                                     {"Dir::State::status", status},
                                     {"Dir::Cache", directory_},
                                     {"Dir::Cache::Archives", directory_ / "archives"},
                                     {"Dir::Log", directory_ / "log"}})
      argv.insert(argv.end(), {"-o", fmt::format("{}={}", name, path.string())});
    // Half of the cache, which is of use to an apt that changes its sources only.
    argv.insert(argv.end(), {"-o", "Dir::Cache::srcpkgcache="});
    argv.insert(argv.end(), words.begin(), words.end());
    return argv;
  }
  std::vector<std::string> environment() const { return {"APT_CONFIG=" + (directory_ / "apt.conf").string()}; }

  const ResolveInputs& inputs_;
  fs::path directory_;
};

// "  Depends: linux-image-6.1.0-13-cloud-amd64" of apt-cache(8): the packages behind a metapackage that have files.
std::vector<std::string> kernel_dependencies(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& line : split(text, '\n')) {
    const auto words = split(trim(line), ' ');
    if (words.size() != 2 || (words[0] != "Depends:" && words[0] != "PreDepends:")) continue;
    if (words[1].starts_with("linux-image-") || words[1].starts_with("linux-modules-")) names.push_back(words[1]);
  }
  return names;
}

std::vector<std::string> packages_behind(const Apt& apt, const std::string& metapackage) {
  std::vector<std::string> all;
  std::vector<std::string> asked = {metapackage};
  while (!asked.empty()) {
    const std::string name = asked.back();
    asked.pop_back();
    all.push_back(name);
    for (auto& next : kernel_dependencies(apt.output_of("apt-cache", {"depends", "--important", name})))
      if (std::ranges::find(all, next) == all.end()) asked.push_back(std::move(next));
  }
  return all;
}

PackageSet installed(const Apt& apt, const std::vector<std::string>& asked) {
  std::vector<std::string> words = {"-qq", "--yes", "--print-uris", "--no-install-recommends", "install", "--"};
  words.insert(words.end(), asked.begin(), asked.end());
  return parse_print_uris(apt.output_of("apt-get", words));
}

// Unpacked only, so without what they depend on.
PackageSet kernel_packages(const Apt& apt, const RootfsSpec& spec) {
  std::vector<std::string> words = {"-qq", "--print-uris", "download", "--", "busybox-static"};
  if (!brings_kernel(spec))
    for (auto& name : packages_behind(apt, cloud_kernel_package(spec))) words.push_back(std::move(name));
  return parse_print_uris(apt.output_of("apt-get", words));
}

}  // namespace

fs::path keyring_of(const RootfsSpec& spec) {
  if (!spec.keyring.empty()) return spec.keyring;
  return spec.distribution == Distribution::ubuntu ? "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
                                                   : "/usr/share/keyrings/debian-archive-keyring.gpg";
}

std::vector<std::string> base_words(const RootfsSpec& spec) {
  const std::string own = fmt::format("?narrow(?or(?archive(^{0}$),?codename(^{0}$)),?architecture({1}),", spec.release,
                                      debian_arch(spec.arch));
  std::vector<std::string> words = {own + "?essential)", own + "?priority(required))", "apt"};
  const auto& core = core_packages(spec.distribution);
  words.insert(words.end(), core.begin(), core.end());
  return words;
}

PackageSet resolve(const ResolveInputs& inputs) {
  if (const fs::path keyring = keyring_of(inputs.spec); !fs::exists(keyring)) {
    const bool ubuntu = inputs.spec.distribution == Distribution::ubuntu;
    throw HostError(fmt::format("the keys of the archive are not there: '{}'", keyring.string()),
                    inputs.spec.keyring.empty() ? fmt::format("sudo apt-get install {}, or name a keyring",
                                                              ubuntu ? "ubuntu-keyring" : "debian-archive-keyring")
                                                : "look at 'keyring' of the manifest and at --keyring");
  }
  Apt apt(inputs);
  apt.update();
  if (inputs.stage == "base") return installed(apt, base_words(inputs.spec));
  if (inputs.stage == "packages") return installed(apt, inputs.spec.packages);
  return kernel_packages(apt, inputs.spec);
}

}  // namespace meros::image
