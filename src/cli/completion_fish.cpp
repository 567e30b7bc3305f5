#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/completion.h"

namespace meros::cli {
namespace {

// Inside of fish's single quotes a backslash escapes the apostrophe and itself.
std::string fish_quoted(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return shell_quoted(escaped, "\\'");
}

// What offers the words for a place; empty where there is nothing to offer.
std::string source_of(const std::string& place, const std::string& program) {
  const auto completion = completion_of(place);
  switch (completion.kind) {
    case Completion::Kind::words:
      return " -a " + fish_quoted(completion.words);
    case Completion::Kind::machines:
      return fmt::format(" -a '({} ps -a -q 2>/dev/null)'", program);
    case Completion::Kind::bridges:
      return " -a '(path basename (path dirname /sys/class/net/*/bridge) 2>/dev/null)'";
    case Completion::Kind::directories:
      return " -a '(__fish_complete_directories)'";
    case Completion::Kind::files:
    case Completion::Kind::nothing:
      break;
  }
  return {};
}

// -x: a value and nothing but what is offered; -r: a value, files are offered; neither: a flag.
std::string value_of(const OptionInfo& option, const std::string& program) {
  if (option.value.empty()) return {};
  const bool files = completion_of(option.value).kind == Completion::Kind::files;
  return (files ? " -r -F" : " -x") + source_of(option.value, program);
}

std::string condition_of(const VerbInfo& verb) {
  const auto words = split(verb.name, ' ');
  std::string condition = "__fish_seen_subcommand_from " + words[0] + (verb.alias.empty() ? "" : " " + verb.alias);
  if (words.size() == 2) condition += "; and __fish_seen_subcommand_from " + words[1];
  return shell_quoted(condition);
}

std::string names_of(const OptionInfo& option) {
  std::string text;
  for (const auto& name : option.names)
    text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return text;
}

std::string lines_of(const VerbInfo& verb, const std::string& program) {
  std::string text;
  const auto condition = condition_of(verb);
  for (const auto& option : verb.options)
    text += fmt::format("complete -c {} -n {}{}{} -d {}\n", program, condition, names_of(option),
                        value_of(option, program), fish_quoted(option.description));
  const auto offered = verb.positional.empty() ? std::string() : source_of(verb.positional, program);
  if (!offered.empty()) text += fmt::format("complete -c {} -n {}{}\n", program, condition, offered);
  return text;
}

std::string verb_line(const std::string& program, std::string_view word, std::string_view summary) {
  return fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program, word, fish_quoted(summary));
}

}  // namespace

std::string fish_completion(const std::string& program, const std::vector<VerbInfo>& verbs) {
  std::string text = fmt::format("# Completion of {0} for fish, as '{0} completion fish' prints it.\n", program);
  text += fmt::format("complete -c {} -f\n", program);
  text += fmt::format("complete -c {} -n __fish_use_subcommand -l version -d 'print the version'\n", program);
  std::vector<std::string> shown;
  for (const auto& verb : verbs) {
    const auto words = split(verb.name, ' ');
    if (words.size() == 1) {
      text += verb_line(program, verb.name, verb.summary);
      if (!verb.alias.empty()) text += verb_line(program, verb.alias, verb.summary);
    } else {
      if (std::find(shown.begin(), shown.end(), words[0]) == shown.end())
        text += verb_line(program, words[0], "see " + program + " " + words[0] + " --help");
      shown.push_back(words[0]);
      text += fmt::format(
          "complete -c {0} -n '__fish_seen_subcommand_from {1}; and not __fish_seen_subcommand_from {2}' -a {2} -d "
          "{3}\n",
          program, words[0], words[1], fish_quoted(verb.summary));
    }
    text += lines_of(verb, program);
  }
  return text;
}

}  // namespace meros::cli
