// How one sees that a machine is ready, as text and back.
#include <fmt/format.h>

#include "base/text.h"
#include "constellation/manifest.h"
#include "constellation/manifest_fields.h"

namespace meros::constellation {
namespace {

constexpr std::size_t longest_text = 1024;  // of a command, or of what a console says

}  // namespace

std::string Ready::to_string() const {
  switch (by) {
    case By::none:
      return "none";
    case By::ssh:
      return "ssh";
    case By::tcp:
      return fmt::format("tcp:{}", port);
    case By::console:
      return "console:" + text;
    case By::exec:
      return "exec:" + text;
  }
  return "";
}

std::optional<Ready> parse_ready(std::string_view text) {
  if (text == "none") return Ready{Ready::By::none, 0, {}};
  if (text == "ssh") return Ready{Ready::By::ssh, 0, {}};
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto kind = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  if (kind == "tcp") {
    const auto port = parse_unsigned(rest);
    if (!port || *port < 1 || *port > 65'535) return std::nullopt;
    return Ready{Ready::By::tcp, static_cast<std::uint16_t>(*port), {}};
  }
  if (rest.empty() || rest.size() > longest_text || has_control_character(rest)) return std::nullopt;
  if (kind == "console") return Ready{Ready::By::console, 0, std::string(rest)};
  if (kind == "exec") return Ready{Ready::By::exec, 0, std::string(rest)};
  return std::nullopt;
}

}  // namespace meros::constellation
