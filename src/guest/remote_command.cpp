#include "guest/remote_command.h"

#include <algorithm>

#include "base/error.h"
#include "guest/shell_words.h"

namespace meros::guest {
namespace {

bool is_variable_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::pair<std::string, std::string> parse_variable(const std::string& text) {
  const auto equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos || !is_variable_name(name))
    throw InvalidError("-e: that is not NAME=VALUE",
                       "a name has letters, digits and '_', and does not begin with a digit");
  return {name, text.substr(equals + 1)};
}

std::string remote_command_line(const RemoteCommand& command) {
  // The shell stays, so that it tells a death by signal as 128 + n: sshd's own message of that is not shown by ssh. A
  // signal of ours reaches it with the rest of its process group and must not end it before the command.
  std::string script = "trap : HUP INT QUIT TERM; ";
  if (command.directory) script += "cd -- " + shell_word(*command.directory) + " || exit 126; ";
  for (const auto& [name, value] : command.environment) script += "export " + name + "=" + shell_word(value) + "; ";
  script += "\"$@\"; exit $?";
  std::vector<std::string> words = {"sh", "-c", script, "meros-exec-" + command.tag};
  words.insert(words.end(), command.argv.begin(), command.argv.end());
  return "exec " + shell_words(words);
}

std::string remote_signal_line(const std::string& tag, const std::string& signal) {
  // sshd makes each command the leader of a process group of its own.
  // One look at all of them, for a process each takes seconds in a guest that is emulated.
  const std::string script =
      "for f in $(grep -lsF \"meros-exec-$1\" /proc/[0-9]*/cmdline); do f=${f%/cmdline}; kill -s \"$2\" -- "
      "\"-${f#/proc/}\" 2>/dev/null; done; :";
  // The name is put together here, so that this very command does not find itself.
  return "exec " + shell_words({"sh", "-c", script, "sh", tag, signal});
}

}  // namespace meros::guest
