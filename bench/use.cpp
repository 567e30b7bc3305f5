// `build --use` of a Debian image, by both of its ways.
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "figures.h"
#include "world.h"

namespace fs = std::filesystem;

namespace meros::bench {
namespace {

constexpr double most_by_fuse2fs = 3'000;
constexpr double most_by_libguestfs = 25'000;

void write(const fs::path& file, std::string_view content) {
  fs::create_directories(file.parent_path());
  replace_file(file, content, 0644, Durability::process_crash_only);
}

bool works(const World& world, std::string_view check) {
  const Output doctor = run(world.meros({"doctor", "-o", "json"}));
  const Json document = parse_json(doctor.out, "doctor");
  for (const Json& each : document.at("checks"))
    if (each.at("id") == check) return each.at("status") == "ok";
  return false;
}

// A constellation with a hook and a file, whose machine is made of another's image.
struct Lab {
  explicit Lab(const World& world) {
    write(world.path() / "constellations/lab/manifest.yml",
          "defaults: {distribution: debian, release: bookworm, driver: qemu, build_free_mb: 100}\n"
          "virtual_machines: {donor: {}, vm: {}}\n");
    write(world.path() / "constellations/lab/common/includes.chroot/etc/motd", "of the lab\n");
    write(world.path() / "constellations/lab/common/hooks/10-hook.chroot", "id >/etc/by-hook\n");
    world.must({"build", (world.path() / "constellations/lab").string(), "donor"});
  }
};

double timed_use(const World& world, const fs::path& image) {
  return time_to_end(world.meros(
      {"build", "--no-cache", "--use", image.string(), (world.path() / "constellations/lab").string(), "vm"}));
}

// Of the base that the donor was built from, for root only: its files belong to many.
std::optional<fs::path> on_btrfs(const World& world) {
  if (::geteuid() != 0 || !find_program("mkfs.btrfs")) return std::nullopt;
  for (const auto& entry : fs::directory_iterator(world.data_dir() / "cache")) {
    if (!entry.path().filename().string().starts_with("base-")) continue;
    const fs::path image = world.path() / "btrfs.raw";
    Command command;
    command.argv = {"mkfs.btrfs", "-q", "--rootdir", (entry.path() / "root").string(), image.string()};
    const Output output = run(std::move(command));
    if (!output.status.success()) throw Error(fmt::format("mkfs.btrfs failed: {}", output.err));
    fs::resize_file(image, std::max<std::uintmax_t>(fs::file_size(image), std::uintmax_t{1} << 30));
    return image;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Row> measure_use(const Settings& settings) {
  const World world;
  std::vector<Row> rows;
  if (!find_program("mmdebstrap") || !works(world, "fuse") || !works(world, "fuse2fs")) return rows;
  const Lab lab(world);
  const auto ext4 =
      in_turn(settings.rounds_or(10), {[&] { return timed_use(world, world.data_dir() / "disks/lab-donor.qcow2"); }});
  rows.push_back(limit("build --use of a Debian on ext4, with a file and a hook", ext4[0], most_by_fuse2fs));
  if (works(world, "libguestfs"))
    if (const auto image = on_btrfs(world)) {
      const auto others = in_turn(settings.rounds_or(3), {[&] { return timed_use(world, *image); }});
      rows.push_back(limit("the same on btrfs, through libguestfs (TCG)", others[0], most_by_libguestfs));
    }
  world.must({"image", "prune", "--all"});
  return rows;
}

}  // namespace meros::bench
