#include "cli/terminal_filter.h"

#include <gtest/gtest.h>

namespace meros::test {
namespace {

using cli::TerminalFilter;

std::string filter(std::string_view bytes) { return TerminalFilter().filter(bytes); }

TEST(TerminalFilter, LetsTextThrough) {
  EXPECT_EQ(filter("login: \tx\n"), "login: \tx\n");
  EXPECT_EQ(filter("caf\xc3\xa9 \xe2\x80\x94 \xf0\x9f\x98\x80\n"), "caf\xc3\xa9 \xe2\x80\x94 \xf0\x9f\x98\x80\n");
}

TEST(TerminalFilter, LetsColoursThrough) {
  EXPECT_EQ(filter("\x1b[0;1;32m[  OK  ]\x1b[0m\n"), "\x1b[0;1;32m[  OK  ]\x1b[0m\n");
  EXPECT_EQ(filter("\x1b[m"), "\x1b[m");
}

TEST(TerminalFilter, TakesLineEndsOfASerialLine) { EXPECT_EQ(filter("one\r\ntwo\r\r\n"), "one\ntwo\n"); }

TEST(TerminalFilter, DoesNotLetALineBeWrittenOver) { EXPECT_EQ(filter("real\rfake\n"), "real\nfake\n"); }

TEST(TerminalFilter, TakesOutWhatMovesOrAsks) {
  EXPECT_EQ(filter("a\x1b[2J\x1b[Hb"), "ab");
  EXPECT_EQ(filter("a\x1b[6nb"), "ab") << "the answer would go into the shell";
  EXPECT_EQ(filter("a\x1b[?1049hb"), "ab");
  EXPECT_EQ(filter("a\x1b[>4;1mb"), "ab") << "not a colour: xterm's modifier keys";
  EXPECT_EQ(filter("a\x1b(Bb"), "ab");
  EXPECT_EQ(filter("a\x1b"
                   "cb"),
            "ab");
  EXPECT_EQ(filter("a\x07\x00\x0e\x7f"
                   "b"),
            "a");
  EXPECT_EQ(filter(std::string_view("a\x07\x00\x0e\x7f"
                                    "b",
                                    6)),
            "ab");
}

TEST(TerminalFilter, TakesOutTitlesAndOtherStrings) {
  EXPECT_EQ(filter("a\x1b]0;title\x07"
                   "b"),
            "ab");
  EXPECT_EQ(filter("a\x1b]52;c;ZWNobw==\x1b\\b"), "ab") << "the clipboard";
  EXPECT_EQ(filter("a\x1bP+q\x1b\\b"), "ab");
  EXPECT_EQ(filter("a\x1b]0;never ended\nb"), "a\nb");
}

TEST(TerminalFilter, TakesOutControlsInTheirOtherForms) {
  EXPECT_EQ(filter("a\xc2\x9b"
                   "2Jb"),
            "a2Jb")
      << "CSI as U+009B";
  EXPECT_EQ(filter("a\x9b"
                   "2Jb"),
            "a2Jb")
      << "CSI as a bare byte";
  EXPECT_EQ(filter("a\xe0\x80\x9b"
                   "b"),
            "ab")
      << "ESC in three bytes";
  EXPECT_EQ(filter("a\xf0\x80\x80\x9b"
                   "b"),
            "ab")
      << "ESC in four bytes";
  EXPECT_EQ(filter("a\xc3(b"), "a(b") << "a character cut short";
}

TEST(TerminalFilter, KeepsItsPlaceWhereverABlockEnds) {
  const std::string_view whole = "a\x1b[31mred\x1b[0m\r\n\x1b]0;t\x1b\\caf\xc3\xa9\x1b[2J \xf0\x9f\x98\x80\n";
  const std::string expected = filter(whole);
  EXPECT_EQ(expected, "a\x1b[31mred\x1b[0m\ncaf\xc3\xa9 \xf0\x9f\x98\x80\n");
  TerminalFilter byte_by_byte;
  std::string result;
  for (const char c : whole) result += byte_by_byte.filter({&c, 1});
  EXPECT_EQ(result, expected);
}

TEST(TerminalFilter, ForgetsAnEndlessSequence) { EXPECT_EQ(filter("\x1b[" + std::string(1'000'000, '1') + "mx"), "x"); }

}  // namespace
}  // namespace meros::test
