// Manifests that are wrong, and all that is said of each: golden files in hostile/, many cases in one file.
//
//   #### <name of the case>
//   <the manifest>
//   #### says
//   <the whole report, or "ok: N machines, M bridges">
//
// MEROS_UPDATE_GOLDEN=1 writes what is said now into the files; read the difference before it is committed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "constellation/manifest.h"

namespace fs = std::filesystem;

namespace meros::constellation {
namespace {

constexpr std::string_view marker = "#### ";
constexpr std::string_view says = "#### says";

struct Case {
  std::string name;
  std::string manifest;
  std::string report;
};

struct GoldenFile {
  fs::path path;
  std::string preface;  // comments before the first case
  std::vector<Case> cases;
};

std::vector<fs::path> golden_paths() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(MEROS_SOURCE_DIR) / "tests/unit/constellation/hostile"))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

GoldenFile read_golden(const fs::path& path) {
  GoldenFile golden{path, {}, {}};
  std::string* part = &golden.preface;
  std::string text = read_file(path);
  if (text.ends_with('\n')) text.pop_back();
  for (const auto& line : split(text, '\n')) {
    if (line == says) {
      part = &golden.cases.back().report;
    } else if (line.starts_with(marker)) {
      golden.cases.push_back({line.substr(marker.size()), {}, {}});
      part = &golden.cases.back().manifest;
    } else {
      *part += line + "\n";
    }
  }
  return golden;
}

// The same world for every case.
Environment environment() {
  Environment environment;
  environment.variables = {{"HOME", "/home/me"}, {"EMPTY", ""},         {"PORT", "8080"},      {"BRIDGE", "lab"},
                           {"ROGUE", "a: [b"},   {"WORD", "bookworm"},  {"COMMAND", "uptime"}, {"MEMORY", "4G"},
                           {"NUMBER", "12"},     {"ESCAPE", "\x1b[31m"}};
  environment.constellation = "proxmox";
  return environment;
}

std::string report_of(const std::string& manifest) {
  const ParseResult result = parse_manifest(manifest, "manifest.yml", environment());
  std::string report;
  for (const auto& diagnostic : result.diagnostics) report += diagnostic.render() + "\n";
  if (result.more) report += "more\n";
  if (result.manifest)
    report +=
        fmt::format("ok: {} machines, {} bridges\n", result.manifest->machines.size(), result.manifest->bridges.size());
  return report;
}

void write_golden(const GoldenFile& golden) {
  std::string text = golden.preface;
  for (const auto& each : golden.cases)
    text += fmt::format("{}{}\n{}{}\n{}", marker, each.name, each.manifest, says, report_of(each.manifest));
  replace_file(golden.path, text);
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& path : golden_paths())
    for (auto& each : read_golden(path).cases) {
      each.name = path.stem().string() + ": " + each.name;
      cases.push_back(std::move(each));
    }
  return cases;
}

class HostileManifest : public testing::TestWithParam<Case> {};

TEST_P(HostileManifest, GetsItsWholeReport) { EXPECT_EQ(report_of(GetParam().manifest), GetParam().report); }

INSTANTIATE_TEST_SUITE_P(Golden, HostileManifest, testing::ValuesIn(all_cases()), [](const auto& param) {
  std::string name = param.param.name;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

TEST(HostileManifests, AreManyAndEachHasANameOfItsOwn) {
  const auto cases = all_cases();
  std::set<std::string> names;
  for (const auto& each : cases) EXPECT_TRUE(names.insert(each.name).second) << each.name;
  EXPECT_GE(cases.size(), 150U);
}

TEST(HostileManifests, AreWrittenAnewOnDemandOnly) {
  if (std::getenv("MEROS_UPDATE_GOLDEN") == nullptr) GTEST_SKIP() << "MEROS_UPDATE_GOLDEN is not set";
  for (const auto& path : golden_paths()) write_golden(read_golden(path));
}

}  // namespace
}  // namespace meros::constellation
