// The rules of the source tree that a compiler does not check: who may include whom, and what is not called at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

// From the bottom up: a folder may include itself and those before it.
const std::vector<std::string> layers = {"base", "network", "vmm", "machine", "image", "guest", "constellation", "cli"};
// A program of its own, which must stay small.
const std::set<std::string> supervisor_may_include = {"supervisor", "base", "network", "vmm", "machine"};

struct Line {
  int number;
  std::string text;
};
struct Source {
  std::string path;  // from src/, as an include directive names it
  std::vector<Line> lines;
};

std::vector<Source> read_sources() {
  const fs::path root = fs::path(MEROS_SOURCE_DIR) / "src";
  std::vector<Source> sources;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    Source source{entry.path().lexically_relative(root).string(), {}};
    std::ifstream file(entry.path());
    int number = 0;
    for (std::string text; std::getline(file, text);) source.lines.push_back({++number, text});
    sources.push_back(std::move(source));
  }
  return sources;
}

const std::vector<Source>& sources() {
  static const std::vector<Source> all = read_sources();
  return all;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }

std::string at(const Source& source, const Line& line) { return source.path + ":" + std::to_string(line.number); }

// An extended regular expression of regex(7), with GNU's \w, \s and \b: std::regex takes seconds for this.
class Pattern {
 public:
  explicit Pattern(const char* text) {
    if (::regcomp(&compiled_, text, REG_EXTENDED) != 0) throw std::invalid_argument(text);
  }
  ~Pattern() { ::regfree(&compiled_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  bool is_in(const std::string& text) const { return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t compiled_{};
};

// What a line includes in quotes.
std::optional<std::string> own_include(const std::string& line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line[hash] != '#' || line.find("include") == std::string::npos) return std::nullopt;
  const auto begin = line.find('"');
  const auto end = begin == std::string::npos ? begin : line.find('"', begin + 1);
  if (end == std::string::npos) return std::nullopt;
  return line.substr(begin + 1, end - begin - 1);
}

bool may_include(const std::string& from, const std::string& to) {
  if (from == "supervisor") return supervisor_may_include.contains(to);
  const auto upper = std::find(layers.begin(), layers.end(), from);
  const auto lower = std::find(layers.begin(), layers.end(), to);
  return upper != layers.end() && lower != layers.end() && lower <= upper;
}

// "path:line: text" for each line that matches, comments aside.
std::vector<std::string> lines_that_match(const Pattern& wanted, const std::function<bool(const Source&)>& is_asked) {
  std::vector<std::string> found;
  for (const auto& source : sources()) {
    if (!is_asked(source)) continue;
    for (const auto& line : source.lines)
      if (wanted.is_in(line.text.substr(0, line.text.find("//")))) found.push_back(at(source, line) + ": " + line.text);
  }
  return found;
}

bool everywhere(const Source&) { return true; }

TEST(Layering, FindsTheSources) { EXPECT_GT(sources().size(), 20U); }

TEST(Layering, KnowsEveryFolder) {
  for (const auto& source : sources()) {
    const auto folder = folder_of(source.path);
    EXPECT_TRUE(folder == "supervisor" || std::find(layers.begin(), layers.end(), folder) != layers.end())
        << "src/" << folder << " has no place in the order of the layers";
  }
}

TEST(Layering, IncludesPointDownward) {
  std::vector<std::string> wrong;
  for (const auto& source : sources())
    for (const auto& line : source.lines)
      if (const auto included = own_include(line.text))
        if (!may_include(folder_of(source.path), folder_of(*included)))
          wrong.push_back(at(source, line) + " includes " + *included);
  EXPECT_THAT(wrong, IsEmpty());
}

TEST(Layering, OrdersTheFolders) {
  EXPECT_TRUE(may_include("cli", "base"));
  EXPECT_TRUE(may_include("machine", "machine"));
  EXPECT_TRUE(may_include("supervisor", "vmm"));
  EXPECT_FALSE(may_include("base", "network"));
  EXPECT_FALSE(may_include("vmm", "machine"));
  EXPECT_FALSE(may_include("machine", "cli"));
  EXPECT_FALSE(may_include("supervisor", "image"));
  EXPECT_FALSE(may_include("machine", "supervisor"));
}

TEST(Layering, IncludesNameFilesFromTheRootOfTheSources) {
  std::vector<std::string> wrong;
  for (const auto& source : sources())
    for (const auto& line : source.lines)
      if (const auto included = own_include(line.text))
        if (!fs::exists(fs::path(MEROS_SOURCE_DIR) / "src" / *included))
          wrong.push_back(at(source, line) + " includes " + *included);
  EXPECT_THAT(wrong, IsEmpty());
}

// One search through the graph of includes; `path` is the way from its beginning to `file`.
void search_cycle(const std::map<std::string, std::set<std::string>>& includes, const std::string& file,
                  std::vector<std::string>& path, std::set<std::string>& done, std::vector<std::string>& cycles) {
  if (done.contains(file)) return;
  if (const auto begin = std::find(path.begin(), path.end(), file); begin != path.end()) {
    std::string cycle;
    for (auto it = begin; it != path.end(); ++it) cycle += *it + " -> ";
    cycles.push_back(cycle + file);
    return;
  }
  path.push_back(file);
  if (const auto it = includes.find(file); it != includes.end())
    for (const auto& next : it->second) search_cycle(includes, next, path, done, cycles);
  path.pop_back();
  done.insert(file);
}

TEST(Layering, NoFileIncludesItselfByAnother) {
  std::map<std::string, std::set<std::string>> includes;
  for (const auto& source : sources())
    for (const auto& line : source.lines)
      if (const auto included = own_include(line.text)) includes[source.path].insert(*included);
  std::vector<std::string> path, cycles;
  std::set<std::string> done;
  for (const auto& [file, unused] : includes) search_cycle(includes, file, path, done, cycles);
  EXPECT_THAT(cycles, IsEmpty());
}

TEST(Layering, HeadersAreIncludedOnce) {
  std::vector<std::string> wrong;
  for (const auto& source : sources()) {
    if (!source.path.ends_with(".h")) continue;
    const bool has = std::any_of(source.lines.begin(), source.lines.end(),
                                 [](const Line& line) { return line.text == "#pragma once"; });
    if (!has) wrong.push_back(source.path);
  }
  EXPECT_THAT(wrong, IsEmpty()) << "without #pragma once";
}

TEST(Layering, NothingPrintsByAStream) {
  const Pattern stream(R"(include *<iostream>|std::(cout|cerr|clog)\b)");
  EXPECT_THAT(lines_that_match(stream, everywhere), IsEmpty());
}

TEST(Layering, OnlyProgramsPrint) {
  const auto is_library = [](const Source& source) {
    return folder_of(source.path) != "cli" && folder_of(source.path) != "supervisor";
  };
  const Pattern print(R"(\b(printf|puts|putchar|fprintf|fputs|perror) *\()");
  EXPECT_THAT(lines_that_match(print, is_library), IsEmpty());
}

constexpr auto shell = R"((^|[^_a-zA-Z0-9.>])(system|popen) *\()";

TEST(Layering, NothingRunsAShell) { EXPECT_THAT(lines_that_match(Pattern(shell), everywhere), IsEmpty()); }

TEST(Layering, SuspectsAShellWhereThereIsOne) {
  const Pattern pattern(shell);
  EXPECT_TRUE(pattern.is_in("  system(command)"));
  EXPECT_TRUE(pattern.is_in("  auto f = ::popen(command, \"r\")"));
  EXPECT_TRUE(pattern.is_in("std::system(x)"));
  EXPECT_FALSE(pattern.is_in("  make_file_system(disk)"));
  EXPECT_FALSE(pattern.is_in("  std::system_error(x)"));
}

TEST(Layering, OnlyTheLocksAskAgainAndAgain) {
  // No descriptor tells that a lock of another process is free.
  const auto is_asked = [](const Source& source) { return source.path != "base/lock.cpp"; };
  const Pattern sleep(R"(\bu?sleep *\(|\bsleep_(for|until)\b)");
  EXPECT_THAT(lines_that_match(sleep, is_asked), IsEmpty());
}

}  // namespace
