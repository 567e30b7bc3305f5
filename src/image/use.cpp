#include "image/use.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "image/build_each.h"
#include "image/input_digests.h"
#include "image/site.h"
#include "image/source_image.h"
#include "image/stage.h"
#include "image/stage_use.h"
#include "machine/disks.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// What was built for a bare file system of ours, which has no kernel in it.
struct KernelBeside {
  fs::path kernel;
  std::optional<fs::path> initrd;
};

std::optional<KernelBeside> kernel_beside(const fs::path& image) {
  const fs::path directory = image.parent_path();
  fs::path json = image;
  json.replace_extension(".json");
  try {
    const auto built = read_built_file(json);
    if (!built || built->rootfs != image.filename() || !built->kernel || !fs::exists(directory / *built->kernel))
      return std::nullopt;
    KernelBeside found{directory / *built->kernel, std::nullopt};
    if (built->initrd && fs::exists(directory / *built->initrd)) found.initrd = directory / *built->initrd;
    return found;
  } catch (const InvalidError&) {
    // A file of that name that is none of ours.
    return std::nullopt;
  }
}

// One machine's image.
class Use {
 public:
  Use(const UseRequest& request, const fs::path& image, const BuildOptions& options, Reporter& reporter)
      : request_(request),
        spec_(request.spec),
        image_(fs::absolute(image)),
        options_(options),
        reporter_(reporter),
        site_(options.home, spec_.constellation, spec_.machine, reporter) {}

  BuildResult result() {
    const Held mine = site_.cache().hold(image_lock(spec_.constellation, spec_.machine), Hold::make, reporter_);
    keys_ = ensure_keys(options_.home.data_dir / "ssh_keys", spec_.constellation, spec_.machine);
    beside_ = kernel_beside(fs::canonical(image_));
    hash_ = used_hash(spec_, digests_of(spec_, keys_), stamp(), request_.bytes);
    if (auto built = up_to_date()) return {std::move(*built), true, {}};
    try {
      return make();
    } catch (Error& e) {
      e.add_context(site_.title());
      throw;
    }
  }

 private:
  std::string stamp() const {
    std::string text = open_source_image(image_).stamp();
    if (beside_) text += "\n" + machine::file_stamp(beside_->kernel);
    return text;
  }

  std::optional<Built> up_to_date() const {
    if (options_.no_cache) return std::nullopt;
    auto built = site_.former();
    if (!built || built->stages.packed != hash_) return std::nullopt;
    if (machine::file_stamp(options_.home.images_dir / built->rootfs) != built->stamp) return std::nullopt;
    if (!built->kernel) return built;
    const fs::path kernel = options_.home.images_dir / *built->kernel;
    return fs::exists(kernel) && machine::file_stamp(kernel) == built->kernel_stamp ? built : std::nullopt;
  }

  BuildResult make() {
    make_directories(options_.home.images_dir);
    site_.open();
    UseInputs inputs;
    inputs.spec = spec_;
    inputs.login_by_system = request_.login_by_system;
    inputs.keys = keys_;
    inputs.source = image_;
    inputs.bytes = request_.bytes;
    inputs.work = site_.cache().unfinished("used", hash_);
    inputs.image = site_.unfinished_disk(spec_.format == ImageFormat::raw ? ".raw" : ".qcow2");
    inputs.kernel = site_.unfinished_disk(".kernel");
    inputs.initrd = site_.unfinished_disk(".initrd");
    inputs.appliance = site_.cache().directory() / "appliance";
    for (const auto& file : {inputs.image, inputs.kernel, inputs.initrd}) fs::remove(file);
    const Used used =
        used_from(site_.run("used", to_json(inputs), {inputs.work}, {inputs.image, inputs.kernel, inputs.initrd}));
    return {publish(inputs, used), false, {"used"}};
  }

  Built publish(const UseInputs& inputs, const Used& used) {
    Built built;
    built.constellation = spec_.constellation;
    built.machine = spec_.machine;
    built.distribution = used.distribution;
    built.release = used.release;
    built.arch = to_string(spec_.arch);
    built.user = used.user;
    built.root_device = used.root_device;
    built.bytes = used.bytes;
    built.built_at = now_milliseconds();
    built.stages.packed = hash_;
    publish_kernel(inputs, used, built);
    built.boots_itself = !used.is_bare;
    const fs::path name = site_.disk(suffix(used));
    built.rootfs = name.filename();
    Site::give_name(inputs.image, name);
    built.stamp = machine::file_stamp(name);
    write_built(options_.home.images_dir, built);
    return built;
  }

  // Firecracker's ".ext4" says that there is nothing but the file system.
  std::string suffix(const Used& used) const {
    if (spec_.format == ImageFormat::qcow2) return ".qcow2";
    return used.is_bare ? ".ext4" : ".raw";
  }

  void publish_kernel(const UseInputs& inputs, const Used& used, Built& built) {
    bool has_kernel = used.has_kernel;
    bool has_initrd = used.has_initrd;
    if (used.is_bare && spec_.kernel && !has_kernel && beside_) {
      clone_file(beside_->kernel, inputs.kernel, 0644);
      if (beside_->initrd) clone_file(*beside_->initrd, inputs.initrd, 0644);
      has_kernel = true;
      has_initrd = beside_->initrd.has_value();
    }
    if (!has_kernel) return;
    built.kernel = site_.disk(".kernel").filename();
    Site::give_name(inputs.kernel, site_.disk(".kernel"));
    built.kernel_stamp = machine::file_stamp(site_.disk(".kernel"));
    if (!has_initrd) return;
    built.initrd = site_.disk(".initrd").filename();
    Site::give_name(inputs.initrd, site_.disk(".initrd"));
  }

  const UseRequest& request_;
  const RootfsSpec& spec_;
  fs::path image_;
  const BuildOptions& options_;
  Reporter& reporter_;
  Site site_;
  MachineKeys keys_;
  std::optional<KernelBeside> beside_;
  std::string hash_;
};

}  // namespace

std::vector<BuildOutcome> use_all(const std::vector<UseRequest>& requests, const fs::path& image,
                                  const BuildOptions& options, Reporter& reporter) {
  return build_each(
      requests.size(), options.jobs, [&](std::size_t i) { return requests[i].spec.machine; },
      [&](std::size_t i) { return Use(requests[i], image, options, reporter).result(); });
}

}  // namespace meros::image
