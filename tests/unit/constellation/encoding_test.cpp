// Texts that are no manifests at all, and texts that would cost too much.
#include <gtest/gtest.h>

#include <chrono>

#include "constellation/manifest.h"

namespace meros::constellation {
namespace {

std::string report_of(std::string text) {
  const ParseResult result = parse_manifest(std::move(text), "m.yml", {});
  std::string report;
  for (const auto& diagnostic : result.diagnostics) report += diagnostic.render() + "\n";
  return report;
}

std::string first_line_of(std::string text) {
  const std::string report = report_of(std::move(text));
  return report.substr(0, report.find('\n'));
}

TEST(ManifestEncoding, TakesAByteOrderMarkAndCarriageReturns) {
  EXPECT_EQ(report_of("\xef\xbb\xbfvirtual_machines:\r\n  web: {cpus: 1}\r\n"), "");
  EXPECT_EQ(report_of("\xef\xbb\xbfvirtual_machines:\r\n  web: {cpus: x}\r\n"),
            "m.yml:2:15: error: 'cpus' must be a whole number, not 'x'\n"
            "  web: {cpus: x}\n"
            "              ^\n"
            "help: from 1 to 288\n");
}

TEST(ManifestEncoding, RefusesUtf16) {
  EXPECT_EQ(first_line_of(std::string("\xff\xfe"
                                      "a\0b\0",
                                      6)),
            "m.yml:1:1: error: the manifest is in UTF-16");
  EXPECT_EQ(first_line_of(std::string("\xfe\xff\0a\0b", 6)), "m.yml:1:1: error: the manifest is in UTF-16");
}

TEST(ManifestEncoding, RefusesWhatIsNotUtf8AndShowsWhere) {
  EXPECT_EQ(report_of("virtual_machines:\n  wäb: {cpus: \xe4}\n"),
            "m.yml:2:15: error: byte 0xE4 is not UTF-8\n"
            "  wäb: {cpus: ?}\n"
            "              ^\n"
            "help: save the manifest as UTF-8\n");
  for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    EXPECT_NE(first_line_of(std::string("a: ") + bad).find("is not UTF-8"), std::string::npos);
}

TEST(ManifestEncoding, RefusesControlCharacters) {
  EXPECT_EQ(report_of(std::string("a: b\0c\n", 7)),
            "m.yml:1:5: error: control character U+0000\n"
            "a: b?c\n"
            "    ^\n"
            "help: is this a text file?\n");
  EXPECT_EQ(first_line_of("a: \x04\nb: c\n"), "m.yml:1:4: error: control character U+0004")
      << "the parser takes it for the end of the file";
  EXPECT_EQ(first_line_of("a: \x1b[2J\n"), "m.yml:1:4: error: control character U+001B");
  EXPECT_EQ(first_line_of("a: \x7f\n"), "m.yml:1:4: error: control character U+007F");
}

TEST(ManifestEncoding, RefusesALoneCarriageReturn) {
  EXPECT_EQ(first_line_of("a: b\rc: d\n"), "m.yml:1:5: error: a carriage return without a line feed");
}

TEST(ManifestBounds, RefusesATextThatIsTooLong) {
  EXPECT_EQ(report_of(std::string(max_manifest_bytes + 1, '#')),
            "m.yml: error: the manifest is longer than 1024 KiB\n");
  EXPECT_EQ(first_line_of(std::string(max_manifest_bytes, '#')), "m.yml:1:1: error: the manifest is empty");
}

TEST(ManifestBounds, KeepsAtMostSoManyErrors) {
  std::string text = "virtual_machines:\n";
  for (int i = 0; i < 2000; ++i) text += "  vm" + std::to_string(i) + ": {cpus: 0}\n";
  const ParseResult result = parse_manifest(text, "m.yml", {});
  EXPECT_EQ(result.diagnostics.size(), max_diagnostics);
  EXPECT_TRUE(result.more);
  EXPECT_FALSE(result.manifest);
  const ManifestError error("m.yml", result.diagnostics, result.more);
  EXPECT_TRUE(error.message().starts_with("'m.yml' has more than 500 errors\n"));
}

TEST(ManifestBounds, RefusesVariablesThatStandForTooMuch) {
  Environment environment;
  environment.variables["BIG"] = std::string(60'000, 'x');
  std::string text = "virtual_machines: {web: {}}\nx-all:\n";
  for (int i = 0; i < 1000; ++i) text += "  - ${BIG}\n";
  const ParseResult result = parse_manifest(text, "m.yml", environment);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].message, "the variables of the manifest stand for more than 16 MiB");
}

TEST(ManifestBounds, RefusesMachinesThatWouldTakeTooMuchMemory) {
  std::string text = "virtual_machines:\n  web:\n    count: 1000\n    qemu_args:\n";
  for (int i = 0; i < 1000; ++i) text += "      - " + std::string(200, 'x') + "\n";
  EXPECT_EQ(first_line_of(text), "m.yml:2:3: error: the machines are described by too much text");
}

// Each of these once cost seconds, or would without a bound. The limit is generous: sanitizers and busy hosts are slow.
// Made only where it is tested: googletest prints every value when the program begins.
struct HostileText {
  const char* name;
  std::string (*make)();
};
class ManifestCost : public testing::TestWithParam<HostileText> {};

TEST_P(ManifestCost, IsBounded) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(report_of(GetParam().make()), "");
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(std::chrono::duration_cast<std::chrono::seconds>(took).count(), 20);
}

std::string repeated(std::string_view part, std::size_t bytes) {
  std::string text;
  while (text.size() + part.size() <= bytes) text += part;
  return text;
}

std::string machines(std::string_view each, int count) {
  std::string text = "virtual_machines:\n";
  for (int i = 0; i < count; ++i) text += "  v" + std::to_string(i) + ": " + std::string(each) + "\n";
  return text;
}

constexpr std::size_t whole = max_manifest_bytes - 64;

INSTANTIATE_TEST_SUITE_P(
    Hostile, ManifestCost,
    testing::Values(
        HostileText{"open_brackets", [] { return repeated("[", whole); }},
        HostileText{"open_braces", [] { return repeated("{", whole); }},
        HostileText{"open_maps", [] { return repeated("{a: ", whole); }},
        HostileText{"question_marks", [] { return repeated("? ", whole); }},
        HostileText{"dashes", [] { return repeated("- ", whole); }},
        HostileText{"colons", [] { return repeated(": ", whole); }},
        HostileText{"one_long_line", [] { return "virtual_machines: {" + repeated("a: x, ", whole) + "}"; }},
        HostileText{"a_key_repeated", [] { return "virtual_machines: {web: {" + repeated("cpus: x, ", whole) + "}}"; }},
        HostileText{"unknown_keys", [] { return machines("{foo: 1, bar: 2, baz: 3}", 20'000); }},
        HostileText{"open_variables", [] { return "a: " + repeated("${", whole); }},
        HostileText{"unset_variables", [] { return "a: " + repeated("${x}", whole); }},
        HostileText{"nested_defaults", [] { return "a: " + repeated("${x:-", whole); }},
        HostileText{"anchors", [] { return repeated("- &a x\n", whole); }},
        HostileText{"aliases", [] { return "- &a x\n" + repeated("- *a\n", whole); }},
        HostileText{"quotes", [] { return "a: '" + repeated("''", whole); }},
        HostileText{"escapes", [] { return "a: \"" + repeated("\\x41", whole); }},
        HostileText{"empty_lines", [] { return "a: 'x" + repeated("\n", whole); }},
        HostileText{"block_text", [] { return "a: >\n" + repeated(" x\n\n", whole); }},
        HostileText{"unknown_bridges",
                    [] { return machines("{networks: [{bridge: aaaaaaaaaaaaaaaaaaaaaaaaa}]}", 15'000); }},
        HostileText{"unknown_machines", [] { return machines("{depends_on: [nobody]}", 25'000); }},
        HostileText{"a_long_key", [] { return repeated("k", whole) + ": 1"; }}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace meros::constellation
