#include "image/stage_use.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "image/appliance.h"
#include "image/brought_system.h"
#include "image/customise_root.h"
#include "image/exported_disk.h"
#include "image/foreign_arch.h"
#include "image/quick_way.h"
#include "image/source_image.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr std::size_t largest_boot_file = std::size_t{256} << 20;

UseInputs use_inputs_from(const Json& json) {
  const StageInputs common = stage_inputs_from(json);
  UseInputs inputs;
  inputs.spec = common.spec;
  inputs.keys = common.keys;
  inputs.work = common.work;
  inputs.image = common.image;
  inputs.login_by_system = get<bool>(json, "login_by_system");
  inputs.source = get<std::string>(json, "source");
  inputs.bytes = get<std::uint64_t>(json, "bytes");
  inputs.kernel = get<std::string>(json, "kernel_file");
  inputs.initrd = get<std::string>(json, "initrd_file");
  inputs.appliance = get<std::string>(json, "appliance");
  return inputs;
}

Json to_json(const Used& used) {
  return {{"bytes", used.bytes},
          {"root_device", used.root_device},
          {"has_kernel", used.has_kernel},
          {"has_initrd", used.has_initrd},
          {"is_bare", used.is_bare},
          {"user", used.user},
          {"distribution", used.distribution},
          {"release", used.release},
          {"way", used.way}};
}

// With the images' files as descriptors: what qemu-img opens was chosen by us.
void run_qemu_img(std::vector<std::string> argv, const SourceImage& source, const std::vector<int>& descriptors) {
  Command command;
  command.argv = std::move(argv);
  command.pass(2, 1);
  command.pass(2, 2);
  for (std::size_t i = 0; i < source.layers.size(); ++i) command.pass(source.layers[i].file.get(), descriptors[i]);
  Child child = spawn(command);
  if (const ExitStatus status = child.wait(); !status.success())
    throw InvalidError(fmt::format("the image cannot be read to its end (qemu-img ended with {})", status.describe()),
                       "it is damaged or cut short, or a machine that runs is writing to it");
}

void clone(const SourceImage& source, const fs::path& image, ImageFormat format) {
  if (format == ImageFormat::raw && source.layers.size() == 1 && source.layers[0].format == vmm::DiskFormat::raw) {
    clone_file(source.layers[0].path, image);
    return;
  }
  std::vector<int> descriptors;
  for (std::size_t i = 0; i < source.layers.size(); ++i) descriptors.push_back(10 + static_cast<int>(i));
  const std::string graph = block_graph(source, descriptors);
  if (source.layers[0].format == vmm::DiskFormat::qcow2)
    run_qemu_img({"qemu-img", "check", graph}, source, descriptors);
  std::vector<std::string> argv = {"qemu-img", "convert", "-O"};
  if (format == ImageFormat::raw)
    argv.insert(argv.end(), {"raw"});
  else
    argv.insert(argv.end(), {"qcow2", "-o", "compat=1.1,cluster_size=65536"});
  argv.insert(argv.end(), {graph, image.string()});
  run_qemu_img(std::move(argv), source, descriptors);
}

void grow(const fs::path& image, ImageFormat format, std::uint64_t bytes) {
  if (format == ImageFormat::raw) return fs::resize_file(image, bytes);
  run_tool({"qemu-img", "resize", "-q", "-f", "qcow2", image.string(), std::to_string(bytes)});
}

void take_out(const RootTree& root, const std::string& file, const fs::path& to) {
  replace_file(to, root.read(file, largest_boot_file), 0644, Durability::process_crash_only);
}

// What is done to a root, wherever it is mounted.
class Customising {
 public:
  Customising(const UseInputs& inputs, Used& used) : inputs_(inputs), used_(used) {}

  void run(const fs::path& path) {
    const RootTree root(path);
    RootfsSpec spec = inputs_.spec;
    const SystemName name = system_name(root);
    if (inputs_.login_by_system) {
      if (name.id.empty())
        throw InvalidError("the image does not say what system it is", "give the machine a 'distribution'");
      spec.login = name.id;
    }
    require_arch(root, spec);
    customise_root(spec, inputs_.keys, path, Origin::brought);
    used_.user = spec.user();
    used_.distribution = name.id;
    used_.release = name.release;
    if (used_.is_bare) take_kernel(root);
  }

 private:
  static void require_arch(const RootTree& root, const RootfsSpec& spec) {
    const auto arch = architecture_of(root);
    if (arch && *arch != spec.arch)
      throw InvalidError(fmt::format("the image is one for {}, and the machine '{}' is {}", to_string(*arch),
                                     spec.machine, to_string(spec.arch)),
                         fmt::format("give the machine 'arch: {}', or take another image", to_string(*arch)));
    require_runnable(spec.arch);
  }

  void take_kernel(const RootTree& root) {
    const auto files = boot_files(root);
    if (!files || !inputs_.spec.kernel) return;
    take_out(root, files->kernel, inputs_.kernel);
    used_.has_kernel = true;
    if (files->initrd.empty()) return;
    take_out(root, files->initrd, inputs_.initrd);
    used_.has_initrd = true;
  }

  const UseInputs& inputs_;
  Used& used_;
};

void edit(const WorkDisk& disk, const UseInputs& inputs, Used& used) {
  const EditRoot customise = [&](const RootPlace& place, const fs::path& root) {
    used.root_device = place.device;
    used.is_bare = place.is_bare;
    Customising(inputs, used).run(root);
  };
  const auto lacking = why_no_export();
  if (lacking) log_line(lacking->message());
  used.way = "fuse2fs";
  if (!lacking && edit_quickly(disk, customise)) return;
  used.way = "libguestfs";
  edit_by_appliance(disk, inputs.appliance, customise);
}

}  // namespace

Json to_json(const UseInputs& inputs) {
  StageInputs common;
  common.spec = inputs.spec;
  common.keys = inputs.keys;
  common.work = inputs.work;
  common.image = inputs.image;
  Json json = to_json(common);
  json["login_by_system"] = inputs.login_by_system;
  json["source"] = inputs.source.string();
  json["bytes"] = inputs.bytes;
  json["kernel_file"] = inputs.kernel.string();
  json["initrd_file"] = inputs.initrd.string();
  json["appliance"] = inputs.appliance.string();
  return json;
}

Used used_from(const Json& json) {
  Used used;
  used.bytes = get<std::uint64_t>(json, "bytes");
  used.root_device = get<std::string>(json, "root_device");
  used.has_kernel = get<bool>(json, "has_kernel");
  used.has_initrd = get<bool>(json, "has_initrd");
  used.is_bare = get<bool>(json, "is_bare");
  used.user = get<std::string>(json, "user");
  used.distribution = get<std::string>(json, "distribution");
  used.release = get<std::string>(json, "release");
  used.way = get<std::string>(json, "way");
  return used;
}

Json use_image(const Json& json) {
  const UseInputs inputs = use_inputs_from(json);
  log_line(fmt::format("stage used '{}'", inputs.source.string()));
  fs::create_directories(inputs.work);
  const SourceImage source = open_source_image(inputs.source);
  Used used;
  used.bytes = std::max(source.virtual_bytes, inputs.bytes);
  clone(source, inputs.image, inputs.spec.format);
  if (used.bytes > source.virtual_bytes) grow(inputs.image, inputs.spec.format, used.bytes);
  const WorkDisk disk{inputs.image,
                      inputs.spec.format == ImageFormat::raw ? vmm::DiskFormat::raw : vmm::DiskFormat::qcow2,
                      used.bytes, used.bytes > source.virtual_bytes, inputs.work};
  edit(disk, inputs, used);
  fs::permissions(inputs.image, fs::perms(0600));
  flush_file(inputs.image);
  return to_json(used);
}

}  // namespace meros::image
