#include "image/build.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "image/build_each.h"
#include "image/cache.h"
#include "image/input_digests.h"
#include "image/package_choice.h"
#include "image/site.h"
#include "image/ssh_keys.h"
#include "image/stage.h"
#include "image/stages.h"
#include "image/titled_reporter.h"
#include "machine/disks.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

RootfsSpec with_options(RootfsSpec spec, const BuildOptions& options) {
  if (options.mirror) spec.mirrors = {*options.mirror};
  if (!options.keyring.empty()) spec.keyring = options.keyring;
  return spec;
}

fs::path mount_point_of(fs::path path) {
  path = fs::absolute(path);
  const auto device = [](const fs::path& p) {
    struct stat info {};
    return ::stat(p.c_str(), &info) == 0 ? info.st_dev : 0;
  };
  while (path.has_relative_path() && device(path.parent_path()) == device(path)) path = path.parent_path();
  return path;
}

// The tools each say it in their log, which is in the message; so does a hook that filled the memory it has as /tmp.
// What the build had taken is free again by now.
bool is_full(const Error& error, const fs::path& data_dir) {
  constexpr std::uint64_t a_build_takes = std::uint64_t{2} << 30;
  const auto& text = error.message();
  if (text.find("No space left on device") == std::string::npos &&
      text.find("have enough free space") == std::string::npos)
    return false;
  struct statvfs info {};
  return ::statvfs(data_dir.c_str(), &info) == 0 && std::uint64_t{info.f_bavail} * info.f_frsize < a_build_takes;
}

Error full_disk(const Error& error, const fs::path& data_dir) {
  return Error(
      fmt::format("the file system at '{}' is full: {}", mount_point_of(data_dir).string(), error.message()),
      fmt::format(
          "make room there ('meros image prune' removes what no image stands on), or name another --data-dir{}{}",
          error.hint().empty() ? "" : "; ", error.hint()),
      error.exit_code());
}

// One machine's build.
class Build {
 public:
  Build(const RootfsSpec& spec, Run& run, Reporter& reporter)
      : spec_(with_options(spec, run.options())),
        options_(run.options()),
        run_(run),
        reporter_(spec_.constellation + "/" + spec_.machine, reporter),
        site_(options_.home, spec_.constellation, spec_.machine, reporter_),
        choice_(spec_, spec.mirrors, run, site_, reporter_) {}

  BuildResult result() {
    const Held mine = site_.cache().hold(image_lock(spec_.constellation, spec_.machine), Hold::make, reporter_);
    keys_ = ensure_keys(options_.home.data_dir / "ssh_keys", spec_.constellation, spec_.machine);
    inputs_ = digests_of(spec_, keys_);
    if (auto built = up_to_date()) return {std::move(*built), true, {}};
    try {
      return make();
    } catch (Error& e) {
      e.add_context(site_.title());
      if (is_full(e, options_.home.data_dir)) throw full_disk(e, options_.home.data_dir);
      throw;
    }
  }

 private:
  // The image that is there, if a build would change nothing.
  std::optional<Built> up_to_date() {
    if (options_.no_cache || options_.pull) return std::nullopt;
    const auto known = known_packages();
    auto built = site_.former();
    if (!known || !built || built->stages != stage_hashes(spec_, inputs_, *known)) return std::nullopt;
    if (machine::file_stamp(options_.home.images_dir / built->rootfs) != built->stamp) return std::nullopt;
    if (!built->kernel) return built;
    const fs::path kernel = options_.home.images_dir / *built->kernel;
    const bool whole = fs::exists(kernel) && fs::exists(options_.home.images_dir / built->initrd.value_or(""));
    return whole && machine::file_stamp(kernel) == built->kernel_stamp ? built : std::nullopt;
  }

  // The packages of each stage, as far as they are chosen.
  std::optional<ResolvedStages> known_packages() {
    ResolvedStages known;
    const auto look = [&](const std::string& stage, std::string StageHashes::*hash,
                          std::string ResolvedStages::*value) {
      const auto set = choice_.known(stage, stage_hashes(spec_, inputs_, known).*hash);
      if (set) known.*value = digest_of(*set);
      return set.has_value();
    };
    if (!look("base", &StageHashes::base, &ResolvedStages::base)) return std::nullopt;
    if (!spec_.packages.empty() && !look("packages", &StageHashes::packages, &ResolvedStages::packages))
      return std::nullopt;
    if (spec_.kernel && !look("kernel", &StageHashes::kernel, &ResolvedStages::kernel)) return std::nullopt;
    return known;
  }

  BuildResult make() {
    site_.open();
    held_.push_back(site_.cache().hold(archives_in_use, Hold::use, reporter_));
    StageInputs inputs;
    inputs.spec = spec_;
    inputs.keys = keys_;
    inputs.archives = choice_.archives();
    inputs.base = chosen("base", &StageHashes::base, &ResolvedStages::base, inputs);
    if (!spec_.packages.empty())
      inputs.packages = chosen("packages", &StageHashes::packages, &ResolvedStages::packages, inputs);
    if (spec_.kernel) {
      StageInputs without = inputs;
      if (!brings_kernel(spec_)) without.packages.clear();
      inputs.kernel = chosen("kernel", &StageHashes::kernel, &ResolvedStages::kernel, without);
    }
    inputs.customised = entry("customised", &StageHashes::customised, inputs);
    return publish(inputs);
  }

  // The entry of a stage that is made from packages.
  fs::path chosen(const std::string& stage, std::string StageHashes::*hash, std::string ResolvedStages::*value,
                  StageInputs inputs) {
    const std::string question = stage_hashes(spec_, inputs_, resolved_).*hash;
    const fs::path status = inputs.base.empty() ? fs::path() : inputs.base / "root/var/lib/dpkg/status";
    fs::path made;
    choice_.choose(stage, question, status, [&](const PackageSet& set) {
      inputs.set = set;
      resolved_.*value = digest_of(set);
      made = entry(stage, hash, inputs);
    });
    return made;
  }

  // The finished entry, made if it must be, and held until we are done.
  fs::path entry(const std::string& stage, std::string StageHashes::*hash, const StageInputs& stands_on) {
    StageInputs inputs = stands_on;
    inputs.hash = stage_hashes(spec_, inputs_, resolved_).*hash;
    inputs.entry = site_.cache().entry(stage, inputs.hash);
    inputs.work = site_.cache().unfinished(stage, inputs.hash);
    inputs.customised.clear();
    const std::string name = inputs.entry.filename();
    {
      Held used = site_.cache().hold(name, Hold::use, reporter_);
      if (fs::exists(inputs.entry) && !run_.is_stale(name)) {
        held_.push_back(std::move(used));
        return inputs.entry;
      }
    }
    Held held = site_.cache().hold(name, Hold::make, reporter_);
    if (!fs::exists(inputs.entry) || run_.is_stale(name)) {
      choice_.fetch(inputs.set);
      run_stage(stage, inputs, {inputs.work, inputs.work.string() + former_suffix});
      run_.made(name);
      made_.push_back(stage);
    }
    held.keep_for_use();
    held_.push_back(std::move(held));
    return inputs.entry;
  }

  Json run_stage(const std::string& stage, const StageInputs& inputs, std::vector<fs::path> unfinished,
                 std::vector<fs::path> results = {}) {
    return site_.run(stage, to_json(inputs), std::move(unfinished), std::move(results));
  }

  std::string suffix() const { return spec_.format == ImageFormat::raw ? ".ext4" : ".qcow2"; }

  BuildResult publish(StageInputs& inputs) {
    make_directories(options_.home.images_dir);
    const StageHashes hashes = stage_hashes(spec_, inputs_, resolved_);
    inputs.hash = hashes.packed;
    inputs.work = site_.cache().unfinished("packed", hashes.packed);
    inputs.image = site_.unfinished_disk(suffix());
    const Json packed = run_stage("packed", inputs, {inputs.work}, {inputs.image});
    made_.push_back("packed");
    Built built;
    built.constellation = spec_.constellation;
    built.machine = spec_.machine;
    built.distribution = to_string(spec_.distribution);
    built.release = spec_.release;
    built.arch = to_string(spec_.arch);
    built.user = spec_.user();
    built.bytes = get<std::uint64_t>(packed, "bytes");
    built.built_at = now_milliseconds();
    built.stages = hashes;
    built.resolved = resolved_;
    publish_kernel(inputs, built);
    built.rootfs = site_.disk(suffix()).filename();
    Site::give_name(inputs.image, site_.disk(suffix()));
    built.stamp = machine::file_stamp(site_.disk(suffix()));
    const auto former = site_.former();
    write_built(options_.home.images_dir, built);
    if (former && former->stages.customised != hashes.customised) remove_superseded(former->stages.customised);
    if (former && former->rootfs != built.rootfs) remove_other_format(*former);
    return {built, false, made_};
  }

  // An image that was for another driver, unless somebody else has written it since.
  void remove_other_format(const Built& former) const {
    const fs::path image = options_.home.images_dir / former.rootfs;
    if (fs::exists(image) && machine::file_stamp(image) == former.stamp) fs::remove(image);
  }

  // Only this machine's image stood on it.
  void remove_superseded(const std::string& customised) const {
    const fs::path entry = site_.cache().entry("customised", customised);
    if (!fs::exists(entry)) return;
    if (const auto alone = site_.cache().try_hold(entry.filename(), Hold::make)) site_.workshop().remove({entry});
  }

  void publish_kernel(const StageInputs& inputs, Built& built) {
    if (!spec_.kernel) return;
    for (const auto& [name, suffix] : {std::pair{"vmlinuz", ".kernel"}, {"initrd", ".initrd"}}) {
      const fs::path unfinished = site_.unfinished_disk(suffix);
      fs::remove(unfinished);
      clone_file(inputs.kernel / name, unfinished, 0644);
      Site::give_name(unfinished, site_.disk(suffix));
    }
    built.kernel = site_.disk(".kernel").filename();
    built.initrd = site_.disk(".initrd").filename();
    built.kernel_stamp = machine::file_stamp(site_.disk(".kernel"));
  }

  RootfsSpec spec_;
  const BuildOptions& options_;
  Run& run_;
  TitledReporter reporter_;
  Site site_;
  PackageChoice choice_;
  MachineKeys keys_;
  InputDigests inputs_;
  ResolvedStages resolved_;
  std::vector<Held> held_;
  std::vector<std::string> made_;
};

// A directory that is not ours to write in keeps nobody from building.
void save_lock(Run& run, bool only_taken, Reporter& reporter) {
  if (run.options().locked) return;
  try {
    run.lock().save(only_taken);
  } catch (const Error& e) {
    reporter.warn(fmt::format("the packages that were taken are not recorded: {}", e.message()));
  }
}

}  // namespace

BuildResult build_rootfs(const RootfsSpec& spec, const BuildOptions& options, Reporter& reporter) {
  Run run(options);
  BuildResult result = Build(spec, run, reporter).result();
  save_lock(run, false, reporter);
  return result;
}

std::vector<BuildOutcome> build_all(const std::vector<RootfsSpec>& specs, const BuildOptions& options,
                                    Reporter& reporter) {
  Run run(options);
  auto outcomes = build_each(
      specs.size(), options.jobs, [&](std::size_t i) { return specs[i].machine; },
      [&](std::size_t i) { return Build(specs[i], run, reporter).result(); });
  const bool all_built = std::ranges::all_of(outcomes, [](const BuildOutcome& o) { return o.result.has_value(); });
  save_lock(run, options.all_machines && all_built, reporter);
  return outcomes;
}

}  // namespace meros::image
