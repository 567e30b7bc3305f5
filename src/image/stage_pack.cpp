// All layers, as the disk image that a machine starts from.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "image/ext4_writer.h"
#include "image/overlay.h"
#include "image/stages.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

// What is mounted over, made anew by its owner, or tells of the build alone. A directory named with a slash at its end
// is there, and empty.
constexpr std::array<std::string_view, 6> emptied = {"/dev/", "/proc/", "/sys/", "/run/", "/tmp/", "/var/tmp/"};
constexpr std::array<std::string_view, 10> left_out = {
    "/lost+found",        "/var/cache/ldconfig/aux-cache", "/var/log/apt",
    "/var/log/dpkg.log",  "/var/log/bootstrap.log",        "/var/log/alternatives.log",
    "/var/log/apk.log",   "/var/lib/systemd/random-seed",  "/etc/.pwd.lock",
    "/root/.bash_history"};

bool is_wanted(std::string_view path) {
  for (const auto directory : emptied)
    if (path.starts_with(directory)) return false;
  for (const auto name : left_out)
    if (path == name) return false;
  if (path.starts_with("/var/lib/apt/lists/")) return path == "/var/lib/apt/lists/partial";
  if (path.starts_with("/var/cache/apt/"))
    return path.starts_with("/var/cache/apt/archives") && !path.ends_with(".deb");
  return true;
}

}  // namespace

std::uint64_t pack(const StageInputs& inputs) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  fs::create_directories(inputs.work);
  const bool raw = inputs.spec.format == ImageFormat::raw;
  const fs::path file_system = raw ? inputs.image : inputs.work / "image.ext4";
  Ext4Result result;
  {
    Overlay overlay(layers_of(inputs), inputs.work / "overlay");
    result = write_ext4({overlay.merged(), file_system, inputs.spec.build_free_mb * mebibyte, inputs.hash,
                         read_facts(inputs.customised).newest, is_wanted});
    overlay.unmount();
  }
  if (!raw)
    run_tool({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", "compat=1.1,cluster_size=65536",
              file_system.string(), inputs.image.string()});
  fs::permissions(inputs.image, fs::perms(0600));
  flush_file(inputs.image);
  return result.bytes;
}

}  // namespace meros::image
