#include "cli/completion.h"

#include <CLI/App.hpp>
#include <array>
#include <memory>

namespace meros::cli {
namespace {

using Kind = Completion::Kind;

const std::array<std::pair<std::string_view, Completion>, 13> places = {{
    {"FORMAT", {Kind::words, "table json yaml"}},
    {"DRIVER", {Kind::words, "auto firecracker qemu"}},
    {"ACCEL", {Kind::words, "auto kvm tcg"}},
    {"ARCH", {Kind::words, "x86_64 aarch64"}},
    {"STATE", {Kind::words, "running stopped"}},
    {"POLICY", {Kind::words, "no on-failure always"}},
    {"SHELL", {Kind::words, "bash zsh fish"}},
    {"FILE", {Kind::files, {}}},
    {"PROGRAM", {Kind::files, {}}},
    {"CONSTELLATION", {Kind::directories, {}}},
    {"DIR", {Kind::directories, {}}},
    {"BRIDGE", {Kind::bridges, {}}},
    {"TARGET", {Kind::machines, {}}},
}};

std::string script_for(const std::string& shell, const Context& context) {
  const std::string program(context.program());
  const auto verbs = describe_verbs(context.face());
  if (shell == "bash") return bash_completion(program, verbs);
  if (shell == "zsh") return zsh_completion(program, verbs);
  if (shell == "fish") return fish_completion(program, verbs);
  throw UsageError("there is no completion for '" + printable(shell) + "'", "it is bash, zsh or fish");
}

}  // namespace

Completion completion_of(std::string_view place) {
  for (const auto& [name, completion] : places)
    if (name == place) return completion;
  return {};
}

std::string shell_quoted(std::string_view text, std::string_view escaped_quote) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'')
      quoted += escaped_quote;
    else
      quoted += c;
  }
  return quoted + "'";
}

Action declare_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required();
  return [shell, &context] {
    context.out().write(script_for(*shell, context));
    return exit_done;
  };
}

}  // namespace meros::cli
