#include "constellation/schema.h"

#include "base/json.h"
#include "cli/command.h"

namespace meros::cli {

Action declare_schema(CLI::App&, Context& context) {
  return [&context] {
    if (context.options.format == Format::yaml)
      context.out().print(constellation::manifest_schema(), Format::yaml);
    else
      context.out().write(constellation::manifest_schema_text());
    return exit_done;
  };
}

}  // namespace meros::cli
