// What the program itself costs: nothing to do, and a thousand machines to list.
#include <fmt/format.h>

#include "figures.h"
#include "world.h"

namespace fs = std::filesystem;

namespace meros::bench {
namespace {

constexpr int many = 1000;

// Volumes of that many machines, stopped, without their disks: `ps` looks at configs, states and locks.
void make_volumes(const World& world, int count) {
  const Vmm vmm = vmms().front();
  world.create("vm-0", vmm, "halt");
  world.must({"start", "vm-0"});
  world.must({"stop", "vm-0", "--force"});
  const std::string config = read_file(world.volume("vm-0") / "config.json");
  const std::string state = read_file(world.volume("vm-0") / "state.json");
  for (int i = 1; i < count; ++i) {
    const std::string name = fmt::format("vm-{}", i);
    Json own = parse_json(config, "config.json");
    own["name"] = name;
    fs::create_directory(world.volume(name));
    replace_file(world.volume(name) / "config.json", own.dump(2), 0644, Durability::process_crash_only);
    replace_file(world.volume(name) / "state.json", state, 0644, Durability::process_crash_only);
    for (const auto* lock : {"run.lock", "vmm.lock"})
      replace_file(world.volume(name) / lock, "", 0644, Durability::process_crash_only);
  }
}

}  // namespace

std::vector<Row> measure_cli(const Settings& settings) {
  const World world;
  Command nothing;
  nothing.argv = {"/bin/true"};
  Command version;
  version.argv = {meros_program().string(), "--version"};
  const auto samples =
      in_turn(settings.rounds_or(100), {[&] { return time_to_end(nothing); }, [&] { return time_to_end(version); },
                                        [&] { return time_to_end(world.meros({"ps"})); }});
  auto about_version = limit("`meros --version`", samples[1], 5);
  auto about_ps = limit("`meros ps` with no machine", samples[2], 5);
  for (auto* row : {&about_version, &about_ps}) row->baseline = times(samples[0]) + " (/bin/true)";
  return {about_version, about_ps};
}

std::vector<Row> measure_ps(const Settings& settings) {
  if (vmms().empty()) return {};
  const World world;
  make_volumes(world, many);
  const auto samples = in_turn(settings.rounds_or(40), {[&] {
                                                          return time_to_end(world.meros({"ps", "-o", "json"}));
                                                        },
                                                        [&] {
                                                          return time_to_end(world.meros({"ps", "-a", "-o", "json"}));
                                                        }});
  return {limit(fmt::format("`ps -o json`, {} volumes, none running", many), samples[0], 50),
          limit(fmt::format("`ps -a -o json`, {} volumes, all printed", many), samples[1], 50)};
}

}  // namespace meros::bench
