#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/completion.h"

namespace meros::cli {
namespace {

// What follows a word, as a call that sets COMPREPLY.
std::string reply_for(const Completion& completion, const std::string& program) {
  switch (completion.kind) {
    case Completion::Kind::words:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", completion.words);
    case Completion::Kind::files:
      return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Completion::Kind::directories:
      return "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Completion::Kind::machines:
      return fmt::format("COMPREPLY=($(compgen -W \"$({} ps -a -q 2>/dev/null)\" -- \"$cur\"))", program);
    case Completion::Kind::bridges:
      return "COMPREPLY=($(compgen -W \"$(cd /sys/class/net && ls -d */bridge 2>/dev/null | sed 's,/bridge$,,')\" -- "
             "\"$cur\"))";
    case Completion::Kind::nothing:
      break;
  }
  return ":";
}

// "-o|--output", for all options that take the same kind of value.
std::map<std::string, std::vector<std::string>> options_by_value(const std::vector<VerbInfo>& verbs) {
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& verb : verbs)
    for (const auto& option : verb.options) {
      if (option.value.empty()) continue;
      auto& names = found[option.value];
      for (const auto& name : option.names)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  return found;
}

std::string option_words(const VerbInfo& verb) {
  std::vector<std::string> words;
  for (const auto& option : verb.options) words.insert(words.end(), option.names.begin(), option.names.end());
  return join(words, " ");
}

// The words that a verb can begin with, each once.
std::vector<std::string> first_words(const std::vector<VerbInfo>& verbs) {
  std::vector<std::string> words;
  for (const auto& verb : verbs) {
    const auto word = split(verb.name, ' ').front();
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
    if (!verb.alias.empty()) words.push_back(verb.alias);
  }
  return words;
}

std::string second_words_case(const std::vector<VerbInfo>& verbs) {
  std::map<std::string, std::string> seconds;
  for (const auto& verb : verbs)
    if (const auto words = split(verb.name, ' '); words.size() == 2) seconds[words[0]] += " " + words[1];
  std::string text;
  for (const auto& [first, words] : seconds) text += fmt::format("    {}) seconds='{}' ;;\n", first, words.substr(1));
  return text;
}

}  // namespace

std::string bash_completion(const std::string& program, const std::vector<VerbInfo>& verbs) {
  std::string values;
  std::string valued;
  for (const auto& [value, names] : options_by_value(verbs)) {
    values += fmt::format("    {}) {}; return ;;\n", join(names, "|"), reply_for(completion_of(value), program));
    valued += (valued.empty() ? "" : "|") + join(names, "|");
  }
  std::string arms;
  for (const auto& verb : verbs) {
    const auto pattern = verb.alias.empty() ? shell_quoted(verb.name) : verb.name + "|" + verb.alias;
    arms += fmt::format("    {})\n      options='{}'\n", pattern, option_words(verb));
    if (!verb.positional.empty())
      arms += fmt::format("      if [[ $cur != -* ]]; then {}; return; fi\n",
                          reply_for(completion_of(verb.positional), program));
    arms += "      ;;\n";
  }
  std::string text = R"(# Completion of @program@ for bash, as '@program@ completion bash' prints it.
_@program@() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' options='--help --version' seconds='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      @valued@) ((i++)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $prev in
@values@  esac
  case $verb in
@seconds@  esac
  if [[ -n $seconds ]]; then
    if ((COMP_CWORD == i + 1)); then COMPREPLY=($(compgen -W "$seconds" -- "$cur")); return; fi
    verb+=" ${COMP_WORDS[i+1]}"
  fi
  case $verb in
    '')
      if [[ $cur != -* ]]; then COMPREPLY=($(compgen -W '@first@' -- "$cur")); return; fi
      ;;
@arms@  esac
  COMPREPLY=($(compgen -W "$options" -- "$cur"))
}
complete -F _@program@ @program@
)";
  const auto replace = [&](std::string_view from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("@valued@", valued);
  replace("@values@", values);
  replace("@seconds@", second_words_case(verbs));
  replace("@first@", join(first_words(verbs), " "));
  replace("@arms@", arms);
  replace("@program@", program);
  return text;
}

}  // namespace meros::cli
