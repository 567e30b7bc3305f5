// meros-bench [--rounds N] [NAME…]: measures the figures that are named, or all, and prints them as a Markdown table.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "figures.h"

namespace meros::bench {
namespace {

constexpr std::array<Figure, 8> figures = {{
    {"start", "from `meros start` to the guest's first line, over the bare VMM", measure_start},
    {"stop", "from the VMM's end to the end of `meros stop`", measure_stop},
    {"cli", "what the program costs with nothing to do", measure_cli},
    {"create", "small and large templates, and cp", measure_create},
    {"supervisor", "private memory of each of fifty", measure_supervisor},
    {"guest", "exec, push and logs, over bare ssh and rsync", measure_guest},
    {"ps", "a thousand volumes", measure_ps},
    {"use", "`build --use` of a Debian, by fuse2fs and through libguestfs", measure_use},
}};

std::string verdict_of(const Row& row) {
  if (!row.reached) return "";
  return *row.reached ? "yes" : "NO";
}

void print(const Row& row) {
  fmt::print("| {} | {} | {} | {} | {} | {} | {} |\n", row.what, row.n, row.baseline, row.ours, row.difference,
             row.target, verdict_of(row));
  std::fflush(stdout);
}

struct Wanted {
  Settings settings;
  std::vector<std::string> names;
};

Wanted read_arguments(const std::vector<std::string>& arguments) {
  Wanted wanted;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "--rounds") {
      wanted.names.push_back(arguments[i]);
      continue;
    }
    const auto rounds = i + 1 < arguments.size() ? parse_unsigned(arguments[++i]) : std::nullopt;
    if (!rounds || *rounds == 0) throw UsageError("--rounds wants a number");
    wanted.settings.rounds = *rounds;
  }
  for (const auto& name : wanted.names)
    if (std::none_of(figures.begin(), figures.end(), [&](const Figure& figure) { return figure.name == name; }))
      throw UsageError(fmt::format("there is no figure '{}'", name), "run it with --list");
  return wanted;
}

int list() {
  for (const auto& figure : figures) fmt::print("{:<12}{}\n", figure.name, figure.about);
  return 0;
}

int measure(const Wanted& wanted) {
  bool all_reached = true;
  fmt::print(
      "| what | n | compared with (p25 / median) | meros (p25 / median) | difference | target | reached |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const auto& figure : figures) {
    const bool asked =
        wanted.names.empty() || std::find(wanted.names.begin(), wanted.names.end(), figure.name) != wanted.names.end();
    if (!asked) continue;
    for (const auto& row : figure.measure(wanted.settings)) {
      print(row);
      all_reached = all_reached && row.reached.value_or(true);
    }
  }
  return all_reached ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--list"}) return list();
  return measure(read_arguments(arguments));
}

}  // namespace
}  // namespace meros::bench

int main(int argc, char** argv) {
  try {
    return meros::bench::run({argv + std::min(argc, 1), argv + argc});
  } catch (const meros::Error& e) {
    fmt::print(stderr, "meros-bench: {}\n", e.message());
    if (!e.hint().empty()) fmt::print(stderr, "hint: {}\n", e.hint());
    return static_cast<int>(e.exit_code());
  }
}
