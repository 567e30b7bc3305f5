#include "cli/terminal_filter.h"

#include <cstdint>

namespace meros::cli {
namespace {

// ECMA-48, 5.4: parameters are 0x30 to 0x3f, intermediates 0x20 to 0x2f, the final byte 0x40 to 0x7e.
bool is_final(char c) { return c >= 0x40 && c <= 0x7e; }
bool is_intermediate(char c) { return c >= 0x20 && c <= 0x2f; }
bool is_continuation(char c) { return (static_cast<std::uint8_t>(c) & 0xc0) == 0x80; }
constexpr std::size_t longest_csi = 32;

}  // namespace

std::string TerminalFilter::filter(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) take(out, c);
  return out;
}

void TerminalFilter::take(std::string& out, char c) {
  switch (place_) {
    case Place::text:
      take_text(out, c);
      return;
    case Place::carriage_return:
      // A serial line ends its lines with CR LF. Alone it would let a line be written over: show it as a new one.
      if (c == '\r') return;
      place_ = Place::text;
      if (c != '\n') out += '\n';
      take_text(out, c);
      return;
    case Place::escape:
      place_ = Place::text;
      if (c == '[') place_ = Place::csi;
      if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') place_ = Place::string;
      if (is_intermediate(c)) place_ = Place::one_more;
      if (c == 0x1b) place_ = Place::escape;
      sequence_.clear();
      return;
    case Place::csi:
      take_csi(out, c);
      return;
    case Place::string:
      if (c == 0x07) place_ = Place::text;
      if (c == 0x1b) place_ = Place::string_escape;
      // No title spans lines: one that was never ended must not swallow the rest of the log.
      if (c == '\n') place_ = Place::text, out += c;
      return;
    case Place::string_escape:
      place_ = c == '\\' ? Place::text : Place::string;
      return;
    case Place::second_byte:
      take_second_byte(out, c);
      return;
    case Place::more_bytes:
      if (!is_continuation(c)) {
        place_ = Place::text;
        take_text(out, c);
        return;
      }
      out += c;
      if (--left_ == 0) place_ = Place::text;
      return;
    case Place::one_more:
      if (!is_intermediate(c)) place_ = Place::text;
      return;
  }
}

void TerminalFilter::take_text(std::string& out, char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  if (c == '\r') place_ = Place::carriage_return;
  if (c == 0x1b) place_ = Place::escape;
  if (byte >= 0xc2 && byte <= 0xf4) {
    place_ = Place::second_byte;
    lead_ = c;
  }
  if (c == '\n' || c == '\t' || c == '\b' || (byte >= 0x20 && byte < 0x7f)) out += c;
}

void TerminalFilter::take_second_byte(std::string& out, char c) {
  const auto lead = static_cast<std::uint8_t>(lead_);
  const auto second = static_cast<std::uint8_t>(c);
  place_ = Place::text;
  if (!is_continuation(c)) {
    take_text(out, c);
    return;
  }
  // U+0080 to U+009F are controls to some terminals; longer forms than needed could hide one.
  const bool hidden =
      (lead == 0xc2 && second < 0xa0) || (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  left_ = lead < 0xe0 ? 0 : lead < 0xf0 ? 1 : 2;
  if (!hidden) (out += lead_) += c;
  if (!hidden && left_ > 0) place_ = Place::more_bytes;
}

void TerminalFilter::take_csi(std::string& out, char c) {
  if (!is_final(c)) {
    if (c == '\n' || c == 0x1b) {
      place_ = c == '\n' ? Place::text : Place::escape;
      if (c == '\n') out += c;
      return;
    }
    if (sequence_.size() <= longest_csi) sequence_ += c;
    return;
  }
  place_ = Place::text;
  const bool plain = sequence_.find_first_not_of("0123456789;:") == std::string::npos;
  if (c == 'm' && plain && sequence_.size() <= longest_csi) out += "\x1b[" + sequence_ + "m";
}

}  // namespace meros::cli
