#include "constellation/manifest_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>

namespace meros::constellation {
namespace {

constexpr std::size_t widest_excerpt = 100;  // columns of a line that are shown around the place
constexpr std::size_t longest_quote = 60;    // code points of what somebody wrote
constexpr std::string_view cut_mark = "...";

// One code point; `valid` is false for a byte that begins none.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// Decodes the first code point (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF).
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
  std::uint32_t value = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < smallest[length] || surrogate || value > 0x10ffff) return {};
  return {value, length, true};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

template <std::size_t N>
bool is_in(std::uint32_t value, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [&](Range r) { return value >= r.first && value <= r.last; });
}

// What a terminal must not see: C0, DEL, C1, line and paragraph separators, and what turns or hides text (Unicode 15,
// Bidi_Control and the zero-width characters that are no part of a letter).
bool is_harmful(std::uint32_t value) {
  constexpr std::array<Range, 8> harmful = {{{0, 0x1f},
                                             {0x7f, 0x9f},
                                             {0x61c, 0x61c},
                                             {0x200b, 0x200f},
                                             {0x2028, 0x202e},
                                             {0x2060, 0x206f},
                                             {0xfeff, 0xfeff},
                                             {0xe0000, 0xe0fff}}};
  return is_in(value, harmful);
}

// How many columns a terminal gives it (Unicode 15, East_Asian_Width W and F; general category Mn in its common
// blocks).
std::size_t width_of(std::uint32_t value) {
  constexpr std::array<Range, 6> combining = {
      {{0x300, 0x36f}, {0x483, 0x489}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};
  constexpr std::array<Range, 9> wide = {{{0x1100, 0x115f},
                                          {0x2e80, 0xa4cf},
                                          {0xac00, 0xd7a3},
                                          {0xf900, 0xfaff},
                                          {0xfe30, 0xfe6f},
                                          {0xff00, 0xff60},
                                          {0xffe0, 0xffe6},
                                          {0x1f300, 0x1faff},
                                          {0x20000, 0x3fffd}}};
  if (is_in(value, combining)) return 0;
  return is_in(value, wide) ? 2 : 1;
}

// A code point as it is shown, and what stands under it in the caret's line.
struct Cell {
  std::string shown;
  std::string blank;
};

std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> cells;
  while (!line.empty()) {
    const CodePoint point = decode(line);
    if (point.value == '\t' && point.valid)
      cells.push_back({"\t", "\t"});
    else if (!point.valid || is_harmful(point.value))
      cells.push_back({"?", " "});
    else
      cells.push_back({std::string(line.substr(0, point.bytes)), std::string(width_of(point.value), ' ')});
    line.remove_prefix(point.bytes);
  }
  return cells;
}

constexpr std::size_t checkpoint_distance = 512;  // bytes

bool begins_code_point(char c) { return (static_cast<std::uint8_t>(c) & 0xc0) != 0x80; }

// Where the excerpt of a line begins: not further back than its beginning, and not many code points before `at`.
std::size_t excerpt_begin(std::string_view text, std::size_t line_begin, std::size_t at) {
  std::size_t begin = at;
  for (std::size_t points = 0; begin > line_begin && points < widest_excerpt * 2 / 3; ++points) do
      --begin;
    while (begin > line_begin && !begins_code_point(text[begin]));
  // A few more are not worth the mark that would stand for them.
  return begin - line_begin <= cut_mark.size() ? line_begin : begin;
}

std::size_t excerpt_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  for (std::size_t points = 0; points < widest_excerpt && end < text.size() && text[end] != '\n'; ++points)
    end += decode(text.substr(end)).bytes;
  return end;
}

}  // namespace

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::string Diagnostic::render() const {
  Diagnostic whole = *this;
  whole.message = fmt::format("{}: {}", to_string(severity), message);
  return whole.render_without_severity();
}

std::string Diagnostic::render_without_severity() const {
  std::string text = at ? fmt::format("{}:{}:{}: {}", harmless(origin), at.line, at.column, message)
                        : fmt::format("{}: {}", harmless(origin), message);
  if (!caret_line.empty()) text += fmt::format("\n{}\n{}", source_line, caret_line);
  if (!help.empty()) text += fmt::format("\nhelp: {}", help);
  return text;
}

SourceText::SourceText(std::string origin, std::string text) : origin_(std::move(origin)), text_(std::move(text)) {
  line_starts_.push_back(0);
  std::size_t points = 0;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (i % checkpoint_distance == 0) checkpoints_.push_back(points);
    if (begins_code_point(text_[i])) ++points;
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
  if (text_.size() % checkpoint_distance == 0) checkpoints_.push_back(points);
}

std::size_t SourceText::code_points_between(std::size_t begin, std::size_t end) const {
  const auto count = [&](std::size_t from, std::size_t to) {
    const auto part = std::string_view(text_).substr(from, to - from);
    return static_cast<std::size_t>(std::count_if(part.begin(), part.end(), begins_code_point));
  };
  if (end - begin < 2 * checkpoint_distance) return count(begin, end);
  const std::size_t first = begin / checkpoint_distance + 1;
  const std::size_t last = end / checkpoint_distance;
  return count(begin, first * checkpoint_distance) + checkpoints_[last] - checkpoints_[first] +
         count(last * checkpoint_distance, end);
}

Position SourceText::position_of(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<std::size_t>(after - line_starts_.begin()), code_points_between(*(after - 1), offset) + 1,
          offset};
}

Diagnostic SourceText::diagnose(Severity severity, Position at, std::string message, std::string help) const {
  Diagnostic diagnostic{severity, origin_, at, std::move(message), std::move(help), {}, {}};
  if (!at) return diagnostic;
  const std::string_view text = text_;
  const std::size_t line_begin = line_starts_[at.line - 1];
  const std::size_t begin = excerpt_begin(text, line_begin, at.offset);
  const std::size_t end = std::max(at.offset, excerpt_end(text, begin));
  std::string_view shown = text.substr(begin, end - begin);
  const bool whole_end = end == text.size() || text[end] == '\n';
  if (whole_end && shown.ends_with('\r')) shown.remove_suffix(1);

  if (begin > line_begin) {
    diagnostic.source_line = cut_mark;
    diagnostic.caret_line.assign(cut_mark.size(), ' ');
  }
  const std::size_t before = std::min(at.offset - begin, shown.size());
  for (const Cell& cell : cells_of(shown.substr(0, before))) {
    diagnostic.source_line += cell.shown;
    diagnostic.caret_line += cell.blank;
  }
  for (const Cell& cell : cells_of(shown.substr(before))) diagnostic.source_line += cell.shown;
  if (!whole_end) diagnostic.source_line += cut_mark;
  diagnostic.caret_line += '^';
  return diagnostic;
}

void sort_diagnostics(std::vector<Diagnostic>& diagnostics) {
  // Members in their order: the place first, among equals the errors.
  std::stable_sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.origin, a.at, a.severity) < std::tie(b.origin, b.at, b.severity);
  });
  std::vector<Diagnostic> once;
  for (auto& diagnostic : diagnostics) {
    const auto same_place = [&](const Diagnostic& d) { return d.at == diagnostic.at && d.origin == diagnostic.origin; };
    const auto first = std::find_if_not(once.rbegin(), once.rend(), same_place);
    if (std::find(once.rbegin(), first, diagnostic) == first) once.push_back(std::move(diagnostic));
  }
  diagnostics = std::move(once);
}

std::string harmless(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint point = decode(text);
    if (!point.valid || is_harmful(point.value))
      result += '?';
    else
      result += text.substr(0, point.bytes);
    text.remove_prefix(point.bytes);
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  std::size_t end = 0;
  std::size_t points = 0;
  while (end < text.size() && points < longest_quote) {
    end += decode(text.substr(end)).bytes;
    ++points;
  }
  return fmt::format("'{}{}'", harmless(text.substr(0, end)), end < text.size() ? cut_mark : "");
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode(text.substr(at));
    if (!point.valid) return at;
    at += point.bytes;
  }
  return std::string_view::npos;
}

}  // namespace meros::constellation
