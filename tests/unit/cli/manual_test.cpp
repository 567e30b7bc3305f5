// The manual pages and the completions tell of what the program knows: of all of it, and of nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/completion.h"
#include "cli/option_list.h"

namespace meros::test {
namespace {

using cli::VerbInfo;
using testing::Contains;
using testing::HasSubstr;

const std::string source = MEROS_SOURCE_DIR;

std::string program_of(machine::Face face) { return face == machine::Face::meros ? "meros" : "mergenc"; }

// A page without its roff: requests' names, font changes, quotes and escaped hyphens.
std::string plain(std::string text) {
  text = std::regex_replace(text, std::regex(R"(\\f[BIRP])"), "");
  text = std::regex_replace(text, std::regex(R"(\\-)"), "-");
  return std::regex_replace(text, std::regex("\""), "");
}

// The sections of a page by their headings: "create NAME" is found as "create".
std::map<std::string, std::string> sections_of(const std::string& page, const std::vector<VerbInfo>& verbs) {
  std::map<std::string, std::string> sections;
  std::string current = "preface";
  for (const auto& line : split(page, '\n')) {
    if (line.starts_with(".SH ")) current = line.substr(4);
    if (line.starts_with(".SS ")) {
      const std::string heading = line.substr(4) + " ";
      const auto verb = std::find_if(verbs.begin(), verbs.end(),
                                     [&](const auto& known) { return heading.starts_with(known.name + " "); });
      current = verb == verbs.end() ? "unknown verb: " + heading : verb->name;
    }
    sections[current] += line + "\n";
  }
  return sections;
}

std::set<std::string> long_options_in(const std::string& text) {
  std::set<std::string> found;
  const std::regex option("(^|[^-a-z])(--[a-z][a-z0-9-]*)");
  for (std::sregex_iterator at(text.begin(), text.end(), option), end; at != end; ++at) found.insert((*at)[2]);
  return found;
}

bool mentions(const std::string& section, const std::string& option) {
  return std::regex_search(section, std::regex("(^|[^-a-z])" + option + "($|[^-a-z])"));
}

class Manual : public testing::TestWithParam<machine::Face> {
 protected:
  std::string program_ = program_of(GetParam());
  std::vector<VerbInfo> verbs_ = cli::describe_verbs(GetParam());
  std::string page_ = plain(read_file(source + "/man/" + program_ + ".1"));
  std::map<std::string, std::string> sections_ = sections_of(page_, verbs_);
};

TEST_P(Manual, HasASectionOfEachVerbAndOfNoOther) {
  for (const auto& verb : verbs_) {
    EXPECT_TRUE(sections_.contains(verb.name)) << verb.name;
    EXPECT_THAT(sections_[verb.name], HasSubstr(verb.alias));
  }
  for (const auto& [heading, text] : sections_) EXPECT_FALSE(heading.starts_with("unknown verb")) << heading;
}

TEST_P(Manual, TellsOfEachOptionOfEachVerb) {
  const std::string& global = sections_["OPTIONS OF EVERY VERB"];
  for (const auto& verb : verbs_)
    for (const auto& option : verb.options)
      for (const auto& name : option.names)
        EXPECT_TRUE(mentions(option.global ? global : sections_[verb.name], name)) << verb.name << " " << name;
}

TEST_P(Manual, TellsOfNoOptionThatIsNotThere) {
  for (const auto& verb : verbs_) {
    std::set<std::string> known = {"--version", "--run"};  // of the program, and a verb written as an option
    for (const auto& option : verb.options) known.insert(option.names.begin(), option.names.end());
    for (const auto& option : long_options_in(sections_[verb.name]))
      EXPECT_THAT(known, Contains(option)) << "in the section on " << verb.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Faces, Manual, testing::Values(machine::Face::meros, machine::Face::mergenc));

class Completions : public testing::TestWithParam<machine::Face> {
 protected:
  std::string program_ = program_of(GetParam());
  std::vector<VerbInfo> verbs_ = cli::describe_verbs(GetParam());
  void expect_same(const std::string& file, const std::string& shell, const std::string& made) const {
    EXPECT_EQ(read_file(source + "/completions/" + file), made)
        << "renew it: " << program_ << " completion " << shell << " > completions/" << file;
  }
};

TEST_P(Completions, AreWhatTheProgramPrints) {
  expect_same(program_ + ".bash", "bash", cli::bash_completion(program_, verbs_));
  expect_same("_" + program_, "zsh", cli::zsh_completion(program_, verbs_));
  expect_same(program_ + ".fish", "fish", cli::fish_completion(program_, verbs_));
}

TEST_P(Completions, AreReadByTheirShells) {
  for (const auto& [shell, file] : {std::pair{"bash", program_ + ".bash"}, std::pair{"zsh", "_" + program_},
                                    std::pair{"fish", program_ + ".fish"}}) {
    if (!find_program(shell)) continue;
    Command command;
    command.argv = {shell, "-n", source + "/completions/" + file};
    const Output output = run(command);
    EXPECT_TRUE(output.status.success()) << shell << ": " << output.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Faces, Completions, testing::Values(machine::Face::meros, machine::Face::mergenc));

// Runs the script in a real bash with the words of a command line, the last of which is completed.
std::vector<std::string> complete(const std::vector<std::string>& words) {
  Command command;
  command.argv = {"bash",
                  "--norc",
                  "-c",
                  "compopt() { :; }\nsource \"$1\"\nshift\nCOMP_WORDS=(\"$@\")\nCOMP_CWORD=$(($# - 1))\n_meros\n"
                  "printf '%s\\n' \"${COMPREPLY[@]}\"",
                  "bash",
                  source + "/completions/meros.bash"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  const Output output = run(command);
  auto replies = split(trim(output.out), '\n');
  std::sort(replies.begin(), replies.end());
  return replies;
}

TEST(BashCompletion, CompletesVerbsOptionsAndValues) {
  if (!find_program("bash")) GTEST_SKIP() << "bash is not installed";
  using testing::ElementsAre;
  EXPECT_THAT(complete({"meros", "sta"}), ElementsAre("start"));
  EXPECT_THAT(complete({"meros", "-v", "--data-dir", "start", "res"}), ElementsAre("restart", "resume"));
  EXPECT_THAT(complete({"meros", "stop", "--fo"}), ElementsAre("--force"));
  EXPECT_THAT(complete({"meros", "rm", "--if"}), ElementsAre("--if-exists"));
  EXPECT_THAT(complete({"meros", "create", "--driver", ""}), ElementsAre("auto", "firecracker", "qemu"));
  EXPECT_THAT(complete({"meros", "ps", "-o", "j"}), ElementsAre("json"));
  EXPECT_THAT(complete({"meros", "image", ""}), ElementsAre("fetch", "ls", "prune", "rm"));
  EXPECT_THAT(complete({"meros", "image", "fetch", "--kernel-u"}), ElementsAre("--kernel-url"));
  EXPECT_THAT(complete({"meros", "wait", "--for", ""}), ElementsAre("running", "stopped"));
}

}  // namespace
}  // namespace meros::test
