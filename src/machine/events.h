// events.jsonl: what happened to a machine, one JSON object a line, bounded by rotation.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "machine/lifecycle.h"

namespace meros::machine {

constexpr std::size_t max_events_file = std::size_t{1} << 20;

// One line, with its newline.
std::string event_line(std::string_view kind, std::string_view detail, std::int64_t at_ms);
// A line back as an event; nothing for one that a crash cut short, or that another program wrote.
std::optional<Event> parse_event(std::string_view line);
// Appends to the volume's events (used by the verbs; a supervisor keeps its log open). Never throws: an event that
// cannot be written is lost, and the verb goes on.
void record_event(const std::filesystem::path& volume, std::string_view kind, std::string_view detail) noexcept;

}  // namespace meros::machine
