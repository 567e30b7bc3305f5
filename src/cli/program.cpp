#include "cli/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <csignal>
#include <new>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/options.h"
#include "image/worker.h"

namespace meros::cli {
namespace {

// A closed standard descriptor would be taken by the next file that is opened, and then be written to.
void open_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);  // the lowest free number is this one
}

machine::Face face_of(std::string_view program) {
  const auto slash = program.rfind('/');
  const auto name = slash == std::string_view::npos ? program : program.substr(slash + 1);
  return name == "mergenc" ? machine::Face::mergenc : machine::Face::meros;
}

// The option that a person most likely meant by a word that the parser did not know.
std::string hint_for_extras(const CLI::App& app, const std::string& usage) {
  std::vector<std::string> known;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  for (const auto& word : app.remaining()) {
    if (!word.starts_with("--")) continue;
    if (const auto close = nearest(word.substr(0, word.find('=')), known))
      return fmt::format("did you mean '{}'?", *close);
  }
  return usage;
}

int print_program_help(Context& context) {
  CLI::App app("Groups of virtual machines, on Firecracker or QEMU", std::string(context.program()));
  if (context.face() == machine::Face::mergenc) app.description("Small Firecracker machines, one command each");
  add_global_options(app, context);
  bool version = false;
  app.add_flag("--version", version, "print the version")->group(global_group);
  std::string text = fmt::format("{}\nUsage: {} VERB [OPTIONS]\n\nVerbs:\n", app.get_description(), context.program());
  for (const auto& verb : verbs_of(context.face()))
    text += fmt::format("  {:<14}{}{}\n", verb.name, verb.summary,
                        verb.alias.empty() ? "" : fmt::format(" (also: {})", verb.alias));
  text += CLI::Formatter().make_groups(&app, CLI::AppFormatMode::Normal);
  text += fmt::format("\nSee '{} VERB --help' for the options of a verb.\n", context.program());
  context.out().write(text);
  return exit_done;
}

// Takes "--" and what follows off.
void take_rest(Context& context, std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return;
  context.rest.emplace(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
}

int run_verb(Context& context, const Verb& verb, std::vector<std::string> arguments) {
  const std::string name = fmt::format("{} {}", context.program(), verb.name);
  const std::string usage = fmt::format("see '{} --help'", name);
  CLI::App app(std::string(verb.summary), name);
  app.set_help_flag("-h,--help", "show this help")->group(global_group);
  const Action action = verb.declare(app, context);
  add_global_options(app, context);
  if (context.takes_rest) take_rest(context, arguments);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    context.out().write(app.help());
    return exit_done;
  } catch (const CLI::ExtrasError&) {
    throw UsageError(fmt::format("{}: unexpected: {}", verb.name, printable(join(app.remaining(), " "))),
                     hint_for_extras(app, usage));
  } catch (const CLI::ParseError& e) {
    throw UsageError(fmt::format("{}: {}", verb.name, printable(e.what())), usage);
  } catch (Error& e) {
    e.suggest(usage);
    throw;
  }
  try {
    return action();
  } catch (UsageError& e) {
    e.suggest(usage);
    throw;
  }
}

int dispatch(Context& context, const std::vector<std::string>& arguments) {
  const auto invocation = read_invocation(context.face(), arguments);
  switch (invocation.kind) {
    case Invocation::Kind::help:
      return print_program_help(context);
    case Invocation::Kind::version:
      context.out().write(fmt::format("{} {}\n", context.program(), MEROS_VERSION));
      return exit_done;
    case Invocation::Kind::run:
      break;
  }
  return run_verb(context, *invocation.verb, invocation.arguments);
}

}  // namespace

int run_program(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  open_standard_descriptors();
  // Not a verb of a person's: how we start the processes that images are built in.
  if (argc > 1 && argv[1] == std::string_view(image::worker_argument))
    return image::run_worker({argv + 2, argv + argc});
  Context context(face_of(argc > 0 ? argv[0] : "meros"));
  try {
    return dispatch(context, {argv + std::min(argc, 1), argv + argc});
  } catch (const Error& e) {
    context.print_error(e);
    return static_cast<int>(e.exit_code());
  } catch (const std::bad_alloc&) {
    context.print_error(Error("there is not enough memory"));
  } catch (const std::exception& e) {
    context.print_error(Error(fmt::format("an error that should not be: {}", e.what()), "please report it"));
  }
  return static_cast<int>(ExitCode::failed);
}

}  // namespace meros::cli
