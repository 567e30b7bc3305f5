#include "cli/output.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/json.h"

namespace meros::cli {
namespace {

// https://no-color.org: set and not empty, whatever its value.
bool wants_colours() {
  const char* no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) != "dumb";
}

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::none:
      break;
  }
  return {};
}

}  // namespace

Format parse_format(std::string_view text) {
  if (text == "table") return Format::table;
  if (text == "json") return Format::json;
  if (text == "yaml") return Format::yaml;
  throw UsageError("--output: '" + printable(text) + "' is not a format", "it is table, json or yaml");
}

Output::Output(int descriptor)
    : descriptor_(descriptor), is_terminal_(::isatty(descriptor) != 0), colours_(is_terminal_ && wants_colours()) {}

void Output::write(std::string_view text) {
  const std::lock_guard guard(mutex_);
  while (!text.empty() && !closed_) {
    const ssize_t n = ::write(descriptor_, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EPIPE) {
      closed_ = true;
    } else if (errno != EINTR) {
      throw_errno("cannot write the output");
    }
  }
}

bool Output::closed() const {
  const std::lock_guard guard(mutex_);
  return closed_;
}

std::string Output::paint(std::string_view text, Colour colour) const {
  if (!colours_ || colour == Colour::none) return std::string(text);
  return std::string(escape_of(colour)) + std::string(text) + "\x1b[0m";
}

void Output::print(const nlohmann::json& document, Format format) {
  write(format == Format::yaml ? to_yaml_text(document) : to_json_text(document));
}

std::string to_json_text(const nlohmann::json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace meros::cli
