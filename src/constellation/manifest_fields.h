// The tables of fields: all that can be written in a manifest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "constellation/manifest_field.h"

namespace meros::constellation {

// A machine as it is written, before `count` makes several of it.
struct MachineDraft : Machine {
  std::uint64_t count = 1;
};

Table<Nic> nic_table();
Table<Disk> disk_table();
Table<Bridge> bridge_table();
Table<MachineDraft> machine_table();

// What is at the top of the file.
struct Top {
  std::optional<Value> bridges;
  std::optional<Value> machines;
  std::optional<Value> defaults;
  Uplink uplink = Uplink::automatic;
};
Table<Top> top_table();

// What may be the name of a machine or bridge, as a regular expression: is_valid_name.
constexpr std::string_view name_pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$";

// Help for a key that is at the wrong place or of another tool's making; empty when it is not known either.
std::string help_for_key(std::string_view key);

// Checks that several fields share.

// Letters and digits, those of `first` at the beginning, those of `rest` anywhere behind it.
bool is_word(std::string_view text, std::string_view first, std::string_view rest, std::size_t longest);
bool has_control_character(std::string_view text);
// Text that `accepts`; `otherwise` is the help for any other.
std::optional<std::string> read_checked(Reading& reading, const Value& value, bool (*accepts)(std::string_view),
                                        std::string_view otherwise);

}  // namespace meros::constellation
