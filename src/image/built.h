// What a build leaves in data/disks, and the small JSON file that tells of it: "<constellation>-<machine>.json" beside
// the image. `init` reads it to know what to boot; `build` to know whether there is anything to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace meros::image {

constexpr int built_schema_version = 1;

// The hash of each stage that the image was made by (image/stage.h); 64 hexadecimal digits.
struct StageHashes {
  std::string base;
  std::string packages;
  std::string kernel;  // empty without a kernel of its own
  std::string customised;
  std::string packed;
  bool operator==(const StageHashes&) const = default;
};

// The packages that a stage was made from: a digest of them (image/package_set.h).
struct ResolvedStages {
  std::string base;
  std::string packages;
  std::string kernel;
  bool operator==(const ResolvedStages&) const = default;
};

struct Built {
  std::string constellation;
  std::string machine;
  std::string distribution;  // "debian"
  std::string release;       // "bookworm"
  std::string arch;          // "x86_64"
  std::string user;          // who can log in with the machine's key: "debian"
  // Names of files in data/disks.
  std::string rootfs;                    // "lab-web.qcow2" or "lab-web.ext4"
  std::optional<std::string> kernel;     // "lab-web.kernel", where the kernel is the image's own
  std::optional<std::string> initrd;     // "lab-web.initrd", made for that kernel
  std::string root_device = "/dev/vda";  // what root= on the kernel command line is to say
  bool boots_itself = false;             // a disk with a boot loader, and no kernel beside it: firmware starts it
  std::uint64_t bytes = 0;               // the disk as the guest sees it
  std::int64_t built_at = 0;             // milliseconds since 1970
  StageHashes stages;
  ResolvedStages resolved;
  std::string stamp;         // machine::file_stamp of the image: another one means that somebody else wrote it
  std::string kernel_stamp;  // the same of the kernel; empty without one
};

// Of a machine's files: data/disks/<constellation>-<machine><suffix>.
std::filesystem::path disk_file(const std::filesystem::path& images_dir, const std::string& constellation,
                                const std::string& machine, const std::string& suffix);

// Nothing where the machine was never built, or where its image is gone since. InvalidError for a file that is not one
// of ours, or of a newer meros.
std::optional<Built> read_built(const std::filesystem::path& images_dir, const std::string& constellation,
                                const std::string& machine);
// The same by the file's path.
std::optional<Built> read_built_file(const std::filesystem::path& path);
// Replaces the file.
void write_built(const std::filesystem::path& images_dir, const Built& built);

}  // namespace meros::image
