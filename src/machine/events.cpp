#include "machine/events.h"

#include <fcntl.h>

#include "base/bounded_log.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/state.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

// Events are a record, not the truth: what cannot be read is passed over.
void add_events(const fs::path& file, std::vector<Event>& events) {
  const std::string text = read_file_if_exists(file, 2 * max_events_file).value_or("");
  for (const auto& line : split(text, '\n'))
    if (auto event = parse_event(line)) events.push_back(std::move(*event));
}

}  // namespace

std::optional<Event> parse_event(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    return Event{get<std::int64_t>(json, "at_ms"), get<std::string>(json, "event"),
                 get_or<std::string>(json, "detail", {})};
  } catch (const InvalidError&) {
    return std::nullopt;
  }
}

std::string event_line(std::string_view kind, std::string_view detail, std::int64_t at_ms) {
  Json json = {{"at", format_time(at_ms)}, {"at_ms", at_ms}, {"event", kind}};
  if (!detail.empty()) json["detail"] = detail;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void record_event(const fs::path& volume, std::string_view kind, std::string_view detail) noexcept {
  try {
    const Fd directory = open_file(volume, O_PATH | O_DIRECTORY);
    BoundedLog(directory, names::events, max_events_file).append(event_line(kind, detail, now_milliseconds()));
  } catch (const std::exception&) {
    // As the header says: what happened has happened, written down or not.
  }
}

std::vector<Event> read_events(const fs::path& volume) {
  std::vector<Event> events;
  add_events((volume / names::events).string() + ".1", events);
  add_events(volume / names::events, events);
  return events;
}

}  // namespace meros::machine
