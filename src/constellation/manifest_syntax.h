// What can be said of a manifest's text before and beside its YAML: its encoding, and what the parser's errors mean to
// a person.
#pragma once

#include <string>
#include <string_view>

#include "constellation/manifest_text.h"

namespace meros::constellation {

// What stops the reading of a manifest. Not an Error: it is caught where the manifest is parsed, and reported with the
// rest.
struct SyntaxError {
  std::size_t offset = 0;
  std::string message;
  std::string help = {};
};

std::string without_byte_order_mark(std::string text);
// Throws SyntaxError for UTF-16, for bytes that are not UTF-8, and for control characters.
void check_encoding(std::string_view text);
// The error of yaml-cpp at a byte of the text, in our words.
SyntaxError explain_yaml_error(std::string_view yaml_message, std::string_view text, std::size_t offset);
// Whether the quotes that a scalar begins with at `offset` are closed; true for one without quotes.
bool quotes_are_closed(std::string_view text, std::size_t offset);
// The offset behind anchors and tags ("&name ", "!tag ") on the same line.
std::size_t behind_properties(std::string_view text, std::size_t offset);

}  // namespace meros::constellation
