// The verbs of the command line. One file a verb: it declares its options and returns what runs when they are parsed.
//
// A new verb is a function below and a line in verbs.cpp. Only the verb that was typed is built in full: the others are
// a name and a summary.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cli/context.h"

namespace CLI {
class App;
}

namespace meros::cli {

// What the verb does; its result is the exit status (ExitCode, or that of a program that was run). It may throw.
using Action = std::function<int()>;

constexpr int exit_done = static_cast<int>(ExitCode::done);

// Which program has the verb.
enum class Faces { meros, mergenc, both };

struct Verb {
  std::string_view name;     // one word, or two ("image fetch")
  std::string_view alias;    // another name, or ""
  std::string_view summary;  // one line for --help, no full stop
  Faces faces;
  // Adds the options to `app`, which already has the global ones. `context` outlives the action.
  Action (*declare)(CLI::App& app, Context& context);
};

std::vector<Verb> verbs_of(machine::Face face);
// Those that only programs of ours and ssh call: in no help, no completion.
std::optional<Verb> hidden_verb(std::string_view name);

Action declare_build(CLI::App& app, Context& context);
Action declare_completion(CLI::App& app, Context& context);
Action declare_connect(CLI::App& app, Context& context);
Action declare_console(CLI::App& app, Context& context);
Action declare_cp(CLI::App& app, Context& context);
Action declare_create(CLI::App& app, Context& context);
Action declare_delete(CLI::App& app, Context& context);
Action declare_dial(CLI::App& app, Context& context);     // hidden
Action declare_disable(CLI::App& app, Context& context);  // enable.cpp
Action declare_display(CLI::App& app, Context& context);
Action declare_doctor(CLI::App& app, Context& context);  // doctor.cpp
Action declare_enable(CLI::App& app, Context& context);
Action declare_enter(CLI::App& app, Context& context);
Action declare_events(CLI::App& app, Context& context);
Action declare_exec(CLI::App& app, Context& context);
Action declare_gc(CLI::App& app, Context& context);
Action declare_image_fetch(CLI::App& app, Context& context);
Action declare_init(CLI::App& app, Context& context);
Action declare_image_ls(CLI::App& app, Context& context);
Action declare_image_prune(CLI::App& app, Context& context);
Action declare_image_rm(CLI::App& app, Context& context);
Action declare_info(CLI::App& app, Context& context);
Action declare_kernel_build(CLI::App& app, Context& context);
Action declare_logs(CLI::App& app, Context& context);
Action declare_new(CLI::App& app, Context& context);
Action declare_pause(CLI::App& app, Context& context);
Action declare_plan(CLI::App& app, Context& context);
Action declare_ps(CLI::App& app, Context& context);
Action declare_pull(CLI::App& app, Context& context);
Action declare_push(CLI::App& app, Context& context);
Action declare_restart(CLI::App& app, Context& context);
Action declare_resume(CLI::App& app, Context& context);
Action declare_run(CLI::App& app, Context& context);
Action declare_schema(CLI::App& app, Context& context);
Action declare_ssh_config(CLI::App& app, Context& context);
Action declare_shutdown(CLI::App& app, Context& context);
Action declare_start(CLI::App& app, Context& context);
Action declare_stop(CLI::App& app, Context& context);
Action declare_supervise(CLI::App& app, Context& context);
Action declare_validate(CLI::App& app, Context& context);
Action declare_version(CLI::App& app, Context& context);
Action declare_wait(CLI::App& app, Context& context);

}  // namespace meros::cli
