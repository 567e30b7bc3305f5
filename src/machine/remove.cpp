#include <fmt/format.h>
#include <unistd.h>

#include <set>

#include "base/error.h"
#include "base/lock.h"
#include "base/text.h"
#include "machine/addressing.h"
#include "machine/default_network.h"
#include "machine/leftovers.h"
#include "machine/lifecycle.h"
#include "machine/new_volume.h"
#include "machine/state.h"
#include "machine/verb_lock.h"
#include "network/holder.h"
#include "network/tap.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

// A config that cannot be read must not keep its volume alive for ever; then we know of no TAP, and gc finds it by
// alias.
std::optional<Config> config_if_readable(const fs::path& volume, const VerbOptions& options) {
  try {
    return read_config(volume);
  } catch (const InvalidError& e) {
    options.reporter->warn(e.message());
    return std::nullopt;
  }
}

// A program that the killed verb had started (qemu-img, say) dies after it, and may make one more file until then.
void remove_directory(const fs::path& path) {
  std::error_code failure;
  for (int tries = 0; tries < 100; ++tries) {
    fs::remove_all(path, failure);
    if (failure != std::errc::directory_not_empty) break;
  }
  if (failure)
    throw Error(fmt::format("cannot remove '{}': {}", path.string(), failure.message()), "run it as the files' owner");
}

// TAPs that say by their alias that they belong to a volume below this home, which is gone.
std::vector<std::string> remove_orphaned_taps(const Home& home) {
  const std::string ours = "meros " + home.volumes_dir.string() + "/";
  std::vector<std::string> done;
  for (const auto& link : meros::network::list_links()) {
    if (!link.alias.starts_with(ours)) continue;
    const fs::path volume = link.alias.substr(std::string_view("meros ").size());
    if (fs::exists(volume)) continue;
    meros::network::remove_tap(link.name, link.alias);
    done.push_back(fmt::format("removed tap '{}', whose machine '{}' is gone", link.name, volume.filename().string()));
  }
  return done;
}

// Networks whose holder was killed, and in which no machine runs.
std::vector<std::string> remove_orphaned_networks(const Home& home, Reporter& reporter) {
  std::vector<std::string> done;
  std::error_code error;  // no directory: there are no networks
  std::set<std::string> used;
  for (const auto& status : status_of_all(home))
    if (status.supervisor_pid != 0 && status.config) used.insert(status.config->network_name);
  for (fs::directory_iterator entry(home.data_dir / "networks", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_valid_name(name) || used.contains(name) || meros::network::Holder::find(entry->path())) continue;
    meros::network::remove_network({entry->path(), home.supervisor, {}}, reporter);
    done.push_back(fmt::format("removed the network '{}', whose holder was killed", name));
  }
  return done;
}

}  // namespace

void remove(const Home& home, const MachineId& id, const StopOptions& stop, const VerbOptions& options) {
  try {
    const auto lock = lock_verb(home, id, options);
    const fs::path volume = volume_of(home, id);
    // Another delete may have been first while we waited.
    if (!fs::exists(volume / names::config)) throw NotFoundError(fmt::format("no such machine '{}'", id.to_string()));
    const auto config = config_if_readable(volume, options);
    if (config) require_owner(*config, id, options);
    stop_locked(home, id, stop);
    if (config) remove_tap(*config);
    discard_volume(home, id);
    if (!config || config->network_name != default_network_name) return;
    const auto addresses = lock_addresses(home, options);
    leave_default_network(home, *options.reporter);
  } catch (Error& e) {
    e.add_context(fmt::format("cannot delete '{}'", id.to_string()));
    throw;
  }
}

std::vector<std::string> collect_garbage(const Home& home, const VerbOptions& options) {
  std::vector<std::string> done;
  for (const auto& leftover : leftover_volumes(home)) {
    const auto lock = try_lock_verb(home, leftover.id, options);
    if (!lock) continue;  // a verb that lives is busy with it
    remove_directory(leftover.path);
    done.push_back(fmt::format("removed '{}', which a killed verb left", leftover.path.string()));
  }
  const auto networks = remove_orphaned_networks(home, *options.reporter);
  done.insert(done.end(), networks.begin(), networks.end());
  for (const auto& id : list_machines(home)) {
    const auto lock = try_lock_verb(home, id, options);
    if (!lock) continue;
    const auto mended = clear_leftovers(home, id);
    done.insert(done.end(), mended.begin(), mended.end());
  }
  if (::geteuid() == 0) {
    const auto taps = remove_orphaned_taps(home);
    done.insert(done.end(), taps.begin(), taps.end());
  }
  return done;
}

}  // namespace meros::machine
