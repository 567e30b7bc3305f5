// Any bytes as a manifest, and as a .env file: they may be refused, but nothing else may happen.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "constellation/dotenv/dotenv.h"
#include "constellation/manifest.h"

namespace {

using meros::constellation::Diagnostic;

// What is printed can drive no terminal, and stands where it says.
void check(const Diagnostic& diagnostic) {
  for (const char c : diagnostic.render())
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) std::abort();
  for (const std::string* line :
       {&diagnostic.message, &diagnostic.help, &diagnostic.source_line, &diagnostic.caret_line})
    if (line->find('\n') != std::string::npos || line->size() > 8192) std::abort();
  if (diagnostic.message.empty()) std::abort();
}

void parse_manifest(std::string text) {
  meros::constellation::Environment environment;
  environment.variables = {{"HOME", "/home/me"}, {"A", "one"}, {"EMPTY", ""}, {"ESCAPE", "\x1b[2J"}};
  environment.constellation = "demo";
  const auto result = meros::constellation::parse_manifest(std::move(text), "m.yml", environment);
  bool errors = false;
  for (const auto& diagnostic : result.diagnostics) {
    check(diagnostic);
    errors = errors || diagnostic.is_error();
  }
  // It is a manifest, or it is said why not.
  if (result.manifest.has_value() == errors) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  parse_manifest(text);
  for (const auto& error : meros::constellation::parse_dotenv(text, ".env").errors) check(error);
  return 0;
}
