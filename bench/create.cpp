// `create` with a small and with a large template, and against cp.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <random>

#include "figures.h"
#include "world.h"

namespace fs = std::filesystem;

namespace meros::bench {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t data_in_template = 300 * mebibyte;

// A raw image with the same data whatever its size: what a root file system of Debian has, in runs with holes between
// them.
void make_template(const fs::path& path, std::uint64_t size) {
  constexpr std::uint64_t run = 4 * mebibyte;
  const Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) throw_errno("cannot make a template");
  std::mt19937_64 random(1);
  std::string data(run, '\0');
  const std::uint64_t runs = data_in_template / run;
  for (std::uint64_t i = 0; i < runs; ++i) {
    for (std::size_t at = 0; at < data.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t word = random();
      std::memcpy(&data[at], &word, sizeof word);
    }
    const auto offset = size / runs * i / 4096 * 4096;
    if (::pwrite(file.get(), data.data(), data.size(), static_cast<off_t>(offset)) != static_cast<ssize_t>(run))
      throw_errno("cannot fill a template");
  }
  if (::fsync(file.get()) != 0) throw_errno("cannot flush a template");
}

struct Templates {
  explicit Templates(const fs::path& directory) : small(directory / "small.img"), large(directory / "large.img") {
    make_template(small, 512 * mebibyte);
    make_template(large, 10'240 * mebibyte);
  }
  fs::path small;
  fs::path large;
};

double timed_create(const World& world, const Vmm& vmm, const fs::path& rootfs) {
  const double took = time_to_end(
      world.meros({"create", "vm", "--driver", vmm.driver, fmt::format("--{}-bin", vmm.driver), vmm.program, "--accel",
                   vmm.accel, "--kernel", guest("halt").string(), "--rootfs", rootfs.string(), "--no-network"}));
  world.must({"delete", "vm", "--yes"});
  return took;
}

double timed_copy(const World& world, const fs::path& rootfs) {
  Command command;
  const auto target = world.path() / "copy.img";
  command.argv = {"cp", "--sparse=always", "--reflink=auto", rootfs.string(), target.string()};
  const double took = time_to_end(command);
  fs::remove(target);
  return took;
}

Row compare_sizes(std::string what, const Samples& small, const Samples& large) {
  const double ratio = large.p25() / small.p25();
  return {std::move(what),
          small.size(),
          times(small) + " (512 MB)",
          times(large) + " (10 GB)",
          fmt::format("x {:.2f}", ratio),
          "within 10 %",
          ratio <= 1.1};
}

Row compare_with_copy(std::string what, const Samples& copy, const Samples& create) {
  const double ratio = create.p25() / copy.p25();
  return {std::move(what), create.size(), times(copy) + " (cp)", times(create), fmt::format("x {:.2f}", ratio),
          "not slower",    ratio <= 1.0};
}

// A file system with reflink in a file, mounted as long as this lives.
class Btrfs {
 public:
  explicit Btrfs(const fs::path& directory) : mount_(directory / "btrfs") {
    const auto image = directory / "btrfs.img";
    const Fd file = open_file(image, O_WRONLY | O_CREAT | O_EXCL);
    if (::ftruncate(file.get(), 4'096 * static_cast<off_t>(mebibyte)) != 0) throw_errno("cannot make a disk");
    fs::create_directory(mount_);
    must({"mkfs.btrfs", "-q", image.string()});
    must({"mount", "-o", "loop", image.string(), mount_.string()});
  }
  ~Btrfs() { ::umount2(mount_.c_str(), MNT_DETACH); }
  Btrfs(const Btrfs&) = delete;
  Btrfs& operator=(const Btrfs&) = delete;
  const fs::path& path() const { return mount_; }

 private:
  static void must(std::vector<std::string> argv) {
    Command command;
    command.argv = std::move(argv);
    const Output output = run(command);
    if (!output.status.success()) throw Error(fmt::format("'{}' failed: {}", command.argv.front(), output.err));
  }
  fs::path mount_;
};

void measure_reflink(const Vmm& vmm, std::size_t rounds, std::vector<Row>& rows) {
  if (::geteuid() != 0 || !find_program("mkfs.btrfs")) return;
  const World outer;
  const Btrfs disk(outer.path());
  const World world(disk.path());
  const Templates templates(world.path());
  const auto samples = in_turn(rounds, {[&] { return timed_create(world, vmm, templates.small); },
                                        [&] { return timed_create(world, vmm, templates.large); },
                                        [&] { return timed_copy(world, templates.large); }});
  rows.push_back(compare_sizes("create, raw disk by reflink (btrfs), " + vmm.title, samples[0], samples[1]));
  rows.push_back({"the same against `cp --sparse=always --reflink=auto`", samples[1].size(),
                  times(samples[2]) + " (cp)", times(samples[1]), time_difference(samples[2], samples[1]), "",
                  std::nullopt});
}

}  // namespace

std::vector<Row> measure_create(const Settings& settings) {
  std::vector<Row> rows;
  for (const auto& vmm : vmms()) {
    const World world;
    const Templates templates(world.path());
    const bool overlay = vmm.driver == "qemu";
    const auto samples =
        in_turn(settings.rounds_or(overlay ? 30 : 12), {[&] { return timed_create(world, vmm, templates.small); },
                                                        [&] { return timed_create(world, vmm, templates.large); },
                                                        [&] { return timed_copy(world, templates.small); },
                                                        [&] { return timed_copy(world, templates.large); }});
    const std::string how = overlay ? "create, qcow2 overlay, " : "create, raw disk by copy (no reflink), ";
    if (overlay) rows.push_back(compare_sizes(how + vmm.title, samples[0], samples[1]));
    rows.push_back(compare_with_copy(how + "512 MB, " + vmm.title, samples[2], samples[0]));
    rows.push_back(compare_with_copy(how + "10 GB, " + vmm.title, samples[3], samples[1]));
    if (!overlay) measure_reflink(vmm, settings.rounds_or(30), rows);
  }
  return rows;
}

}  // namespace meros::bench
