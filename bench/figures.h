// The figures that meros is held to, and how each is measured.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "samples.h"

namespace meros::bench {

struct Settings {
  std::optional<std::size_t> rounds;  // instead of each figure's own number
  std::size_t rounds_or(std::size_t own) const { return rounds.value_or(own); }
};

// One line of the table, its numbers as text with their unit.
struct Row {
  std::string what;
  std::size_t n;
  std::string baseline;  // p25 / median of what it is compared with; empty where there is nothing
  std::string ours;      // p25 / median
  std::string difference;
  std::string target;
  std::optional<bool> reached;  // nothing: there is no target for this line
};

// "37.1 / 38.0 ms"
std::string times(const Samples& samples);
// "+4.1 / +4.6 ms", of p25 and median
std::string time_difference(const Samples& baseline, const Samples& ours);
// Against an upper limit in ms on what ours takes more than the baseline, by p25.
Row compare(std::string what, const Samples& baseline, const Samples& ours, double most_more);
// Against an upper limit in ms, by p25.
Row limit(std::string what, const Samples& ours, double most);

struct Figure {
  std::string_view name;
  std::string_view about;
  // Throws Error where something fails; no rows where this host cannot measure it.
  std::vector<Row> (*measure)(const Settings& settings);
};

std::vector<Row> measure_start(const Settings& settings);
std::vector<Row> measure_stop(const Settings& settings);
std::vector<Row> measure_cli(const Settings& settings);
std::vector<Row> measure_create(const Settings& settings);
std::vector<Row> measure_supervisor(const Settings& settings);
std::vector<Row> measure_guest(const Settings& settings);
std::vector<Row> measure_ps(const Settings& settings);
std::vector<Row> measure_use(const Settings& settings);

}  // namespace meros::bench
