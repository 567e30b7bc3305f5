// What a guest printed, made safe to show on a terminal: text, line ends, tabs, backspaces and colours pass; everything
// else that would drive the terminal (cursor movement, titles, questions that it answers into the shell) is taken out.
#pragma once

#include <string>
#include <string_view>

namespace meros::cli {

// Keeps its place between pieces: a sequence may be cut anywhere.
class TerminalFilter {
 public:
  std::string filter(std::string_view bytes);

 private:
  enum class Place {
    text,
    carriage_return,  // not known yet whether a line end follows
    escape,           // after ESC
    csi,              // after ESC [, up to the final byte
    string,           // OSC, DCS and their like, up to BEL or ESC backslash
    string_escape,    // ESC inside of one
    second_byte,      // after `lead_`, which begins a character of UTF-8
    more_bytes,       // in such a character, `left_` to come
    one_more,         // after ESC and an intermediate byte: character sets and the like
  };
  void take(std::string& out, char c);
  void take_text(std::string& out, char c);
  void take_csi(std::string& out, char c);
  void take_second_byte(std::string& out, char c);

  Place place_ = Place::text;
  char lead_ = 0;
  int left_ = 0;
  std::string sequence_;  // the parameters of a CSI so far, at most 32 bytes
};

}  // namespace meros::cli
