// A manifest as text, and what is said about places in it.
//
// Lines and columns count from 1, columns in code points, as editors do. Everything that is printed of the text is made
// harmless first: no control characters, no characters that turn the direction of writing, no endless lines.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace meros::constellation {

// A place in the manifest. Line 0: not written anywhere (a default).
struct Position {
  std::size_t line = 0;
  std::size_t column = 0;
  std::size_t offset = 0;  // in bytes, from the beginning of the file
  auto operator<=>(const Position&) const = default;
  explicit operator bool() const { return line != 0; }
};

enum class Severity { error, warning };
std::string_view to_string(Severity severity);

// One thing that is wrong or doubtful, with all that is needed to print it.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string origin;       // the file, as it was given
  Position at;              // line 0: the file as a whole
  std::string message;      // without a full stop
  std::string help;         // the way out, or empty
  std::string source_line;  // the line it is about, or the part of it around the place
  std::string caret_line;   // under source_line: blanks, tabs, '^'

  bool is_error() const { return severity == Severity::error; }
  // "<origin>:<line>:<column>: error: <message>" and, each on a line of its own, the source, the caret and
  // "help: <help>". Ends without a line end.
  std::string render() const;
  // The same without the word "error" or "warning", for printers that say it themselves.
  std::string render_without_severity() const;

  auto operator<=>(const Diagnostic&) const = default;
};

class SourceText {
 public:
  // `origin` is what errors call the file.
  SourceText(std::string origin, std::string text);

  const std::string& origin() const { return origin_; }
  const std::string& text() const { return text_; }
  // Of a byte of the text; offsets beyond its end mean the end.
  Position position_of(std::size_t offset) const;
  // Fills in the lines that show the place.
  Diagnostic diagnose(Severity severity, Position at, std::string message, std::string help = {}) const;

 private:
  std::size_t code_points_between(std::size_t begin, std::size_t end) const;

  std::string origin_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
  // Code points before each checkpoint: a manifest may be one long line.
  std::vector<std::size_t> checkpoints_;
};

// More than these are not kept: who made so many mistakes mends them a few at a time.
constexpr std::size_t max_diagnostics = 500;

// Sorted by place, each once.
void sort_diagnostics(std::vector<Diagnostic>& diagnostics);

// What somebody wrote, for a message: in single quotes, made harmless, cut to a sane length.
std::string in_quotes(std::string_view text);
// One line of text made harmless: control and direction characters and bytes that are not UTF-8 become '?'.
std::string harmless(std::string_view text);

// The offset of the first byte that is not well-formed UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);
}  // namespace meros::constellation
