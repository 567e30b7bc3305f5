#include "constellation/record.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

constexpr int schema_version = 1;

fs::path directory_of(const machine::Home& home) { return home.data_dir / "constellations"; }

fs::path file_of(const machine::Home& home, const std::string& constellation) {
  return directory_of(home) / (constellation + ".json");
}

// What a verb that was killed while it replaced the file has left. Whoever calls this holds the lock.
void remove_unfinished(const machine::Home& home, const std::string& constellation) {
  const std::string unfinished = "." + constellation + ".json.";
  std::error_code error;
  for (fs::directory_iterator entry(directory_of(home), error), end; !error && entry != end; entry.increment(error))
    if (entry->path().filename().string().starts_with(unfinished)) fs::remove(entry->path());
}

}  // namespace

std::optional<Record> read_record(const machine::Home& home, const std::string& constellation) {
  const fs::path file = file_of(home, constellation);
  const auto text = read_file_if_exists(file, std::size_t{1} << 20);
  if (!text) return std::nullopt;
  try {
    const Json json = parse_json(*text, file.string());
    if (get<int>(json, "schema_version") > schema_version)
      throw InvalidError("it is of a newer version of meros", "use the newer program");
    return Record{get<std::string>(json, "manifest"), get_or<bool>(json, "enabled", false)};
  } catch (InvalidError& e) {
    e.add_context("cannot use '" + file.string() + "'");
    throw;
  }
}

void write_record(const machine::Home& home, const std::string& constellation, const Record& record) {
  make_directories(directory_of(home));
  const Json json = {
      {"schema_version", schema_version}, {"manifest", record.manifest.string()}, {"enabled", record.enabled}};
  replace_file(file_of(home, constellation), json.dump(2) + "\n");
}

void forget_record(const machine::Home& home, const std::string& constellation) {
  remove_unfinished(home, constellation);
  fs::remove(file_of(home, constellation));
}

std::vector<std::string> recorded_constellations(const machine::Home& home) {
  std::vector<std::string> names;
  std::error_code error;  // no directory: none is remembered
  for (fs::directory_iterator entry(directory_of(home), error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".json" && is_valid_name(entry->path().stem().string()))
      names.push_back(entry->path().stem().string());
  std::ranges::sort(names);
  return names;
}

ProcessLock lock_constellation(const machine::Home& home, const std::string& constellation,
                               const machine::VerbOptions& options) {
  make_directories(directory_of(home) / ".locks");
  const fs::path file = directory_of(home) / ".locks" / constellation;
  auto lock = ProcessLock::take(
      open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0644), Deadline::after(options.lock_timeout), [&](pid_t pid) {
        options.reporter->note(
            fmt::format("waiting for process {}, which is busy with constellation '{}'", pid, constellation));
      });
  if (!lock)
    throw BusyError(fmt::format("constellation '{}' is in use by another verb", constellation),
                    "wait for it, or give --lock-timeout more seconds");
  return std::move(*lock);
}

}  // namespace meros::constellation
