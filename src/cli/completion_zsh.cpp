#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "cli/completion.h"

namespace meros::cli {
namespace {

// In the explanations of _arguments, brackets and backslashes have a meaning.
std::string explained(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// ":message:action" of _arguments.
std::string action_for(const std::string& place, const std::string& program) {
  const auto completion = completion_of(place);
  switch (completion.kind) {
    case Completion::Kind::words:
      return fmt::format(":{}:({})", place, completion.words);
    case Completion::Kind::files:
      return fmt::format(":{}:_files", place);
    case Completion::Kind::directories:
      return fmt::format(":{}:_files -/", place);
    case Completion::Kind::machines:
      return fmt::format(":{}:_{}_machines", place, program);
    case Completion::Kind::bridges:
      return fmt::format(":{}:_{}_bridges", place, program);
    case Completion::Kind::nothing:
      break;
  }
  return fmt::format(":{}: ", place);
}

std::string spec_for(const OptionInfo& option, const std::string& program) {
  std::string spec = fmt::format("[{}]", explained(option.description));
  if (!option.value.empty()) spec += action_for(option.value, program);
  if (option.names.size() == 1) return shell_quoted(option.names.front() + spec);
  return fmt::format("'({})'{{{}}}{}", join(option.names, " "), join(option.names, ","), shell_quoted(spec));
}

std::string arguments_of(const VerbInfo& verb, const std::string& program) {
  std::string text = "_arguments -s";
  for (const auto& option : verb.options) text += " \\\n        " + spec_for(option, program);
  if (!verb.positional.empty()) {
    const auto many = verb.positional == "TARGET" ? "*" : "1";
    // Where nothing can be offered, a mere message would keep zsh from inserting an option that is the only match.
    const bool nothing = completion_of(verb.positional).kind == Completion::Kind::nothing;
    text += " \\\n        " +
            shell_quoted(many + (nothing ? ":" + verb.positional + ":()" : action_for(verb.positional, program)));
  }
  return text;
}

std::string described(std::string_view word, std::string_view summary) {
  return shell_quoted(fmt::format("{}:{}", word, summary));
}

struct Arms {
  std::string verbs;                           // the lines of the array of first words
  std::map<std::string, std::string> seconds;  // of verbs of two words: their array's lines
  std::string cases;
  std::map<std::string, std::string> second_cases;
};

Arms arms_of(const std::string& program, const std::vector<VerbInfo>& verbs) {
  Arms arms;
  for (const auto& verb : verbs) {
    const auto words = split(verb.name, ' ');
    const auto pattern = words.back() + (verb.alias.empty() ? "" : "|" + verb.alias);
    const auto arm = fmt::format("      {})\n        {}\n        ;;\n", pattern, arguments_of(verb, program));
    if (words.size() == 2) {
      arms.seconds[words[0]] += "    " + described(words[1], verb.summary) + "\n";
      arms.second_cases[words[0]] += arm;
      continue;
    }
    arms.verbs += "    " + described(verb.name, verb.summary) + "\n";
    if (!verb.alias.empty()) arms.verbs += "    " + described(verb.alias, verb.summary) + "\n";
    arms.cases += arm;
  }
  return arms;
}

}  // namespace

std::string zsh_completion(const std::string& program, const std::vector<VerbInfo>& verbs) {
  Arms arms = arms_of(program, verbs);
  std::string text =
      fmt::format("#compdef {0}\n# Completion of {0} for zsh, as '{0} completion zsh' prints it.\n\n", program);
  text += fmt::format(
      "_{0}_machines() {{\n  local -a machines\n  machines=(${{(f)\"$({0} ps -a -q 2>/dev/null)\"}})\n"
      "  compadd -a machines\n}}\n\n",
      program);
  text += fmt::format(
      "_{0}_bridges() {{\n  local -a bridges\n  bridges=(/sys/class/net/*/bridge(N:h:t))\n"
      "  compadd -a bridges\n}}\n\n",
      program);
  for (const auto& [first, seconds] : arms.seconds) {
    arms.verbs += "    " + described(first, "see " + program + " " + first + " --help") + "\n";
    arms.cases += fmt::format("      {1})\n        _{0}_{1}\n        ;;\n", program, first);
    text += fmt::format(
        "_{0}_{1}() {{\n  local line state\n  local -a verbs=(\n{2}  )\n"
        "  _arguments -C '1: :->verb' '*:: :->rest'\n  case $state in\n"
        "    verb) _describe verb verbs ;;\n    rest)\n      case $line[1] in\n{3}      esac\n      ;;\n  esac\n}}\n\n",
        program, first, seconds, arms.second_cases[first]);
  }
  text += fmt::format(
      "_{0}() {{\n  local line state\n  local -a verbs=(\n{1}  )\n"
      "  _arguments -C '(-h --help)'{{-h,--help}}'[show this help]' '--version[print the version]' \\\n"
      "    '1: :->verb' '*:: :->rest'\n  case $state in\n    verb) _describe verb verbs ;;\n"
      "    rest)\n      case $line[1] in\n{2}      esac\n      ;;\n  esac\n}}\n\n_{0} \"$@\"\n",
      program, arms.verbs, arms.cases);
  return text;
}

}  // namespace meros::cli
