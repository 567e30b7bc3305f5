#include "cli/invocation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace meros::cli {
namespace {

// Global options that take the next word, so that it is not taken for the verb.
constexpr std::array<std::string_view, 6> with_value = {"-o",           "--output",      "--data-dir",
                                                        "--images-dir", "--volumes-dir", "--firecracker-bin"};

// -o may also end a row of short flags: -vo json.
bool takes_next_word(std::string_view word) {
  const bool row_of_flags = word.size() > 2 && word[0] == '-' && word[1] != '-' && word.back() == 'o';
  return row_of_flags || std::find(with_value.begin(), with_value.end(), word) != with_value.end();
}

std::string program_of(machine::Face face) { return face == machine::Face::meros ? "meros" : "mergenc"; }

// The second words of verbs such as "image fetch".
std::vector<std::string> second_words(const std::vector<Verb>& verbs, std::string_view first) {
  std::vector<std::string> seconds;
  for (const auto& verb : verbs)
    if (verb.name.starts_with(std::string(first) + " ")) seconds.emplace_back(verb.name.substr(first.size() + 1));
  return seconds;
}

// The short forms of verbs that are written as options.
std::string verb_of_option(std::string_view word) {
  if (word == "--run") return "run";
  return word == "-c" || word == "--connect" ? "connect" : "";
}

// `--run APP C VM` as `run C VM -- APP`. An APP of several words is a line for the guest's shell.
void put_application_last(std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("--run: no application is named", "meros --run APP CONSTELLATION VM");
  std::string application = std::move(words.front());
  words.erase(words.begin());
  words.emplace_back("--");
  if (application.find(' ') != std::string::npos) words.insert(words.end(), {"sh", "-c"});
  words.push_back(std::move(application));
}

std::optional<Verb> find_verb(const std::vector<Verb>& verbs, std::string_view name) {
  for (const auto& verb : verbs)
    if (verb.name == name || (!verb.alias.empty() && verb.alias == name)) return verb;
  return std::nullopt;
}

[[noreturn]] void unknown_verb(machine::Face face, std::string_view word, const std::vector<Verb>& verbs) {
  std::vector<std::string> known;
  for (const auto& verb : verbs) {
    known.emplace_back(verb.name);
    if (!verb.alias.empty()) known.emplace_back(verb.alias);
  }
  const auto close = nearest(word, known);
  throw UsageError(
      fmt::format("unknown verb '{}'", printable(word)),
      close ? fmt::format("did you mean '{}'?", *close) : fmt::format("see '{} --help'", program_of(face)));
}

}  // namespace

Invocation read_invocation(machine::Face face, const std::vector<std::string>& arguments) {
  const auto verbs = verbs_of(face);
  std::size_t at = 0;
  for (; at < arguments.size(); ++at) {
    const auto& word = arguments[at];
    if (word == "--version") return {Invocation::Kind::version, {}, {}};
    if (word == "--help" || word == "-h") return {Invocation::Kind::help, {}, {}};
    if (takes_next_word(word)) {
      ++at;
      continue;
    }
    if (!word.starts_with('-') || !verb_of_option(word).empty()) break;
  }
  if (at >= arguments.size()) throw UsageError("no verb is given", fmt::format("see '{} --help'", program_of(face)));

  Invocation found;
  found.arguments.assign(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(at));
  std::vector<std::string> rest(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  // `meros help start` is `meros start --help`.
  if (rest.front() == "help") {
    rest.erase(rest.begin());
    if (rest.empty()) return {Invocation::Kind::help, {}, {}};
    rest.emplace_back("--help");
  }

  std::string name = rest.front();
  const bool as_option = face == machine::Face::meros && !verb_of_option(name).empty();
  if (as_option) name = verb_of_option(name);
  rest.erase(rest.begin());
  if (as_option && name == "run") put_application_last(rest);
  if (const auto seconds = second_words(verbs, name); !seconds.empty()) {
    if (rest.empty() || rest.front().starts_with('-'))
      throw UsageError(fmt::format("'{}' needs to know what to do: {}", name, join(seconds, ", ")),
                       fmt::format("see '{} {} {} --help'", program_of(face), name, seconds.front()));
    name += " " + rest.front();
    rest.erase(rest.begin());
  }
  found.verb = find_verb(verbs, name);
  if (!found.verb && face == machine::Face::meros) found.verb = hidden_verb(name);
  if (!found.verb) unknown_verb(face, name, verbs);
  found.arguments.insert(found.arguments.end(), rest.begin(), rest.end());
  return found;
}

}  // namespace meros::cli
