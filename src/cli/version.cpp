#include <fmt/format.h>

#include "base/json.h"
#include "cli/command.h"

namespace meros::cli {

Action declare_version(CLI::App&, Context& context) {
  return [&context] {
    if (context.options.format == Format::table)
      context.out().write(fmt::format("{} {}\n", context.program(), MEROS_VERSION));
    else
      context.out().print(Json{{"name", context.program()}, {"version", MEROS_VERSION}}, context.options.format);
    return exit_done;
  };
}

}  // namespace meros::cli
