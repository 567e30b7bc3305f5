// Places in a text, and how they are shown.
#include <gtest/gtest.h>

#include "constellation/manifest_text.h"

namespace meros::constellation {
namespace {

Diagnostic at(const SourceText& source, std::size_t offset) {
  return source.diagnose(Severity::error, source.position_of(offset), "wrong", "mend it");
}

TEST(SourceText, CountsLinesAndCodePointsFromOne) {
  const SourceText source("m.yml", "a\nbäc\n\nd");
  const auto place = [&](std::size_t offset) {
    const Position position = source.position_of(offset);
    return std::pair(position.line, position.column);
  };
  EXPECT_EQ(place(0), std::pair(1UL, 1UL));
  EXPECT_EQ(place(2), std::pair(2UL, 1UL));
  EXPECT_EQ(place(5), std::pair(2UL, 3UL)) << "ä is two bytes and one column";
  EXPECT_EQ(place(7), std::pair(3UL, 1UL));
  EXPECT_EQ(place(8), std::pair(4UL, 1UL));
  EXPECT_EQ(place(999), std::pair(4UL, 2UL)) << "the end";
}

TEST(SourceText, CountsFarIntoALongLine) {
  std::string line;
  for (int i = 0; i < 10'000; ++i) line += "ä";
  const SourceText source("m.yml", "x\n" + line);
  EXPECT_EQ(source.position_of(2 + 2 * 9'999).column, 10'000U);
}

TEST(Diagnostic, RendersThePlaceTheLineTheCaretAndTheHelp) {
  const SourceText source("dir/m.yml", "a: b\nc: d\n");
  EXPECT_EQ(at(source, 8).render(), "dir/m.yml:2:4: error: wrong\nc: d\n   ^\nhelp: mend it");
  EXPECT_EQ(at(source, 8).render_without_severity(), "dir/m.yml:2:4: wrong\nc: d\n   ^\nhelp: mend it");
  EXPECT_EQ(source.diagnose(Severity::warning, {}, "wrong").render(), "dir/m.yml: warning: wrong");
}

TEST(Diagnostic, ReproducesTabsUnderTheLine) {
  const SourceText source("m.yml", "a:\tb\tc");
  EXPECT_EQ(at(source, 5).source_line, "a:\tb\tc");
  EXPECT_EQ(at(source, 5).caret_line, "  \t \t^");
}

TEST(Diagnostic, GivesWideLettersTwoColumnsAndAccentsNone) {
  EXPECT_EQ(at(SourceText("m.yml", "日本x"), 6).caret_line, "    ^");
  EXPECT_EQ(at(SourceText("m.yml", "e\xcc\x81x"), 3).caret_line, " ^");
}

TEST(Diagnostic, ShowsNoCharacterThatDrivesATerminal) {
  const SourceText source("m\x1b[2J.yml", "a\x1b[31m\xc2\x9b\xe2\x80\xaez");
  EXPECT_EQ(at(source, source.text().size() - 1).render(),
            "m?[2J.yml:1:9: error: wrong\na?[31m??z\n        ^\nhelp: mend it");
}

TEST(Diagnostic, CutsALongLineAroundThePlace) {
  const SourceText source("m.yml", std::string(500, 'a') + "X" + std::string(500, 'b'));
  const Diagnostic diagnostic = at(source, 500);
  EXPECT_EQ(diagnostic.source_line, "..." + std::string(66, 'a') + "X" + std::string(33, 'b') + "...");
  EXPECT_EQ(diagnostic.caret_line, std::string(69, ' ') + "^");
  EXPECT_EQ(at(source, 0).source_line, std::string(100, 'a') + "...");
  EXPECT_EQ(at(source, 1001).caret_line.size(), 70U) << "the end of the line";
}

TEST(Diagnostic, PointsBehindTheLastCharacterAtTheEnd) {
  EXPECT_EQ(at(SourceText("m.yml", "ab"), 2).caret_line, "  ^");
  EXPECT_EQ(at(SourceText("m.yml", "ab\r\n"), 2).source_line, "ab");
  EXPECT_EQ(at(SourceText("m.yml", ""), 0).caret_line, "^");
}

TEST(SortDiagnostics, SortsByPlaceAndKeepsEachOnce) {
  const SourceText source("m.yml", "a\nb\nc\n");
  const auto warning = source.diagnose(Severity::warning, source.position_of(2), "other");
  std::vector<Diagnostic> diagnostics = {at(source, 4), warning, at(source, 2), at(source, 0), at(source, 2)};
  sort_diagnostics(diagnostics);
  EXPECT_EQ(diagnostics, (std::vector<Diagnostic>{at(source, 0), at(source, 2), warning, at(source, 4)}));
}

TEST(InQuotes, CutsAndCleansWhatSomebodyWrote) {
  EXPECT_EQ(in_quotes("web"), "'web'");
  EXPECT_EQ(in_quotes("a\nb\xff"), "'a?b?'");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(60, 'x') + "...'");
}

}  // namespace
}  // namespace meros::constellation
