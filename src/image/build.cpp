#include "image/build.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "image/cache.h"
#include "image/sha256.h"
#include "image/site.h"
#include "image/ssh_keys.h"
#include "image/stage.h"
#include "image/stages.h"
#include "image/tree_digest.h"
#include "machine/disks.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// What the machines of one call have in common.
class Run {
 public:
  // Whether the entry is to be made although it is there: once a call, under --no-cache.
  bool is_stale(const BuildOptions& options, const std::string& entry) {
    const std::lock_guard guard(mutex_);
    return (options.no_cache || options.pull) && !fresh_.contains(entry);
  }
  void made(const std::string& entry) {
    const std::lock_guard guard(mutex_);
    fresh_.insert(entry);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> fresh_;
};

std::string digest_of_file(const fs::path& path) { return path.empty() ? "" : sha256_of(open_file(path, O_RDONLY)); }

std::string digest_of(const MachineKeys& keys) {
  return sha256_of(Json{keys.user_public, keys.host_ed25519, keys.host_rsa}.dump());
}

InputDigests digests_of(const RootfsSpec& spec, const MachineKeys& keys) {
  InputDigests inputs;
  inputs.keyring = digest_of_file(spec.keyring);
  inputs.keys = digest_of(keys);
  for (const auto& directory : spec.includes) inputs.includes.push_back(tree_digest(directory));
  for (const auto& directory : spec.hooks) inputs.hooks.push_back(tree_digest(directory));
  return inputs;
}

RootfsSpec with_options(RootfsSpec spec, const BuildOptions& options) {
  if (options.mirror) spec.mirrors = {*options.mirror};
  if (!options.keyring.empty()) spec.keyring = options.keyring;
  if (spec.distribution == Distribution::alpine)
    throw InvalidError(fmt::format("machine '{}': Alpine images cannot be built yet", spec.machine),
                       "take debian or ubuntu, or put an image of it into data/disks");
  return spec;
}

// One machine's build.
class Build {
 public:
  Build(RootfsSpec spec, const BuildOptions& options, Run& run, Reporter& reporter)
      : spec_(std::move(spec)),
        options_(options),
        run_(run),
        reporter_(reporter),
        site_(options.home, spec_.constellation, spec_.machine, reporter) {}

  BuildResult result() {
    const Held mine = site_.cache().hold(image_lock(spec_.constellation, spec_.machine), Hold::make, reporter_);
    keys_ = ensure_keys(options_.home.data_dir / "ssh_keys", spec_.constellation, spec_.machine);
    inputs_ = digests_of(spec_, keys_);
    if (auto built = up_to_date()) return {std::move(*built), true, {}};
    try {
      return make();
    } catch (Error& e) {
      e.add_context(site_.title());
      throw;
    }
  }

 private:
  // The image that is there, if a build would change nothing.
  std::optional<Built> up_to_date() const {
    if (options_.no_cache || options_.pull) return std::nullopt;
    auto built = site_.former();
    if (!built || built->stages != stage_hashes(spec_, inputs_, resolved_by(*built))) return std::nullopt;
    if (machine::file_stamp(options_.home.images_dir / built->rootfs) != built->stamp) return std::nullopt;
    if (!built->kernel) return built;
    const fs::path kernel = options_.home.images_dir / *built->kernel;
    const bool whole = fs::exists(kernel) && fs::exists(options_.home.images_dir / built->initrd.value_or(""));
    return whole && machine::file_stamp(kernel) == built->kernel_stamp ? built : std::nullopt;
  }

  // As the cache has it; of what is no more there, as it was when the image was built.
  ResolvedStages resolved_by(const Built& built) const {
    ResolvedStages resolved = built.resolved;
    const auto look = [&](const char* stage, const std::string& hash, std::string& value) {
      const fs::path entry = site_.cache().entry(stage, hash);
      if (!hash.empty() && fs::exists(entry)) value = read_facts(entry).resolved;
    };
    look("base", stage_hashes(spec_, inputs_, resolved).base, resolved.base);
    if (!spec_.packages.empty()) look("packages", stage_hashes(spec_, inputs_, resolved).packages, resolved.packages);
    look("kernel", stage_hashes(spec_, inputs_, resolved).kernel, resolved.kernel);
    return resolved;
  }

  BuildResult make() {
    site_.open();
    StageInputs inputs;
    inputs.spec = spec_;
    inputs.keys = keys_;
    inputs.base = entry("base", &StageHashes::base, inputs);
    resolved_.base = read_facts(inputs.base).resolved;
    if (!spec_.packages.empty()) {
      inputs.packages = entry("packages", &StageHashes::packages, inputs);
      resolved_.packages = read_facts(inputs.packages).resolved;
    }
    if (spec_.kernel) {
      StageInputs without = inputs;
      if (!brings_kernel(spec_)) without.packages.clear();
      inputs.kernel = entry("kernel", &StageHashes::kernel, without);
      resolved_.kernel = read_facts(inputs.kernel).resolved;
    }
    inputs.customised = entry("customised", &StageHashes::customised, inputs);
    return publish(inputs);
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
      if (fs::exists(inputs.entry) && !run_.is_stale(options_, name)) {
        held_.push_back(std::move(used));
        return inputs.entry;
      }
    }
    Held held = site_.cache().hold(name, Hold::make, reporter_);
    if (!fs::exists(inputs.entry) || run_.is_stale(options_, name)) {
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
    return {built, false, made_};
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
  Reporter& reporter_;
  Site site_;
  MachineKeys keys_;
  InputDigests inputs_;
  ResolvedStages resolved_;
  std::vector<Held> held_;
  std::vector<std::string> made_;
};

}  // namespace

BuildResult build_rootfs(const RootfsSpec& spec, const BuildOptions& options, Reporter& reporter) {
  Run run;
  return Build(with_options(spec, options), options, run, reporter).result();
}

std::vector<BuildOutcome> build_all(const std::vector<RootfsSpec>& specs, const BuildOptions& options,
                                    Reporter& reporter) {
  std::vector<BuildOutcome> outcomes(specs.size());
  Run run;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < specs.size(); i = next++) {
      outcomes[i].machine = specs[i].machine;
      try {
        outcomes[i].result = Build(with_options(specs[i], options), options, run, reporter).result();
      } catch (const Error& e) {
        outcomes[i].error = e;
      } catch (const std::exception& e) {
        outcomes[i].error = Error(e.what());
      }
    }
  };
  const unsigned wanted = options.jobs != 0 ? options.jobs : std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min<std::size_t>(wanted, specs.size()); ++i) threads.emplace_back(work);
  threads.clear();
  return outcomes;
}

}  // namespace meros::image
