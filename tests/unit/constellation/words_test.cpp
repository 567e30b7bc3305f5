// Variables, .env files and words of a command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "constellation/dotenv/dotenv.h"
#include "constellation/manifest_shell.h"
#include "constellation/manifest_substitute.h"

namespace meros::constellation {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Substituted put_in(std::string_view text) {
  return substitute(text, [](std::string_view name) -> std::optional<std::string> {
    if (name == "A") return "one";
    if (name == "EMPTY") return "";
    if (name == "DOLLAR") return "${A}";
    if (name == "BIG") return std::string(40'000, 'x');
    return std::nullopt;
  });
}

TEST(Substitute, PutsInVariablesAndDefaults) {
  EXPECT_EQ(put_in("plain").text, "plain");
  EXPECT_EQ(put_in("a${A}b${A}").text, "aonebone");
  EXPECT_EQ(put_in("${B:-two}").text, "two");
  EXPECT_EQ(put_in("${EMPTY:-two}").text, "two");
  EXPECT_EQ(put_in("[${EMPTY}]").text, "[]");
  EXPECT_EQ(put_in("${B:-}").text, "");
  EXPECT_EQ(put_in("${B:-a ${A} b}").text, "a one b");
  EXPECT_EQ(put_in("${B:-a}b}").text, "ab}");
}

TEST(Substitute, KeepsDollarsThatMeanNothing) {
  EXPECT_EQ(put_in("$$").text, "$");
  EXPECT_EQ(put_in("$${A}").text, "${A}");
  EXPECT_EQ(put_in("login$ ").text, "login$ ");
  EXPECT_EQ(put_in("$5 $").text, "$5 $");
}

TEST(Substitute, DoesNotSubstituteWhatWasPutIn) { EXPECT_EQ(put_in("${DOLLAR}").text, "${A}"); }

TEST(Substitute, SaysAllThatIsWrongAndAtWhichDollar) {
  const auto errors = put_in("${A} ${B} $$ $C ${D").errors;
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].message, "the variable 'B' is not set");
  EXPECT_EQ(errors[0].nth_dollar, 1U);
  EXPECT_EQ(errors[1].message, "'$C' is not substituted");
  EXPECT_EQ(errors[1].help, "write ${C} for the variable, or $$C for the text");
  EXPECT_EQ(errors[1].nth_dollar, 4U);
  EXPECT_EQ(errors[2].message, "'${' has no '}'");
}

TEST(Substitute, RefusesAValueThatBecomesTooLong) {
  const auto result = put_in("${BIG}${BIG}");
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].message, "the value becomes longer than 64 KiB");
  EXPECT_EQ(result.text, "");
}

TEST(DotEnv, ReadsNamesAndValues) {
  const DotEnv env = parse_dotenv(
      "# comment\n"
      "\n"
      "PLAIN=value with blanks   \n"
      "  SPACED  =  x  # comment\n"
      "HASH=a#b\n"
      "EMPTY=\n"
      "ONLY_COMMENT= # nothing\n"
      "export EXPORTED=yes\n"
      "SINGLE='as it \\n is # ${X}'\n"
      "DOUBLE=\"a\\nb\\t\\\"c\\\" \\\\ \\$d \\q\"\n"
      "LINES='one\ntwo'  # comment\n"
      "TWICE=1\r\n"
      "TWICE=2",
      ".env");
  EXPECT_THAT(env.errors, IsEmpty());
  EXPECT_THAT(env.variables,
              ElementsAre(Pair("DOUBLE", "a\nb\t\"c\" \\ $d \\q"), Pair("EMPTY", ""), Pair("EXPORTED", "yes"),
                          Pair("HASH", "a#b"), Pair("LINES", "one\ntwo"), Pair("ONLY_COMMENT", ""),
                          Pair("PLAIN", "value with blanks"), Pair("SINGLE", "as it \\n is # ${X}"),
                          Pair("SPACED", "x"), Pair("TWICE", "2")));
}

TEST(DotEnv, SaysAllThatIsWrong) {
  const DotEnv env = parse_dotenv("GOOD=1\nno equals\n1BAD=2\nA B=3\n=4\nC='x' y\nD=\"open\n", "c/.env");
  std::string report;
  for (const auto& error : env.errors) report += error.render() + "\n";
  EXPECT_EQ(report,
            "c/.env:2:1: error: this is not NAME=value\n"
            "no equals\n"
            "^\n"
            "help: begin a comment with '#'\n"
            "c/.env:3:1: error: '1BAD' is not a variable's name\n"
            "1BAD=2\n"
            "^\n"
            "help: letters, digits and '_', not beginning with a digit\n"
            "c/.env:4:1: error: 'A B' is not a variable's name\n"
            "A B=3\n"
            "^\n"
            "help: letters, digits and '_', not beginning with a digit\n"
            "c/.env:5:1: error: '' is not a variable's name\n"
            "=4\n"
            "^\n"
            "help: letters, digits and '_', not beginning with a digit\n"
            "c/.env:6:7: error: nothing may follow the closing quote\n"
            "C='x' y\n"
            "      ^\n"
            "c/.env:7:3: error: these quotes are never closed\n"
            "D=\"open\n"
            "  ^\n");
  EXPECT_THAT(env.variables, ElementsAre(Pair("GOOD", "1")));
}

TEST(DotEnv, RefusesWhatIsNoText) {
  const DotEnv env = parse_dotenv(std::string("A=\0\n", 4), ".env");
  ASSERT_EQ(env.errors.size(), 1U);
  EXPECT_EQ(env.errors[0].message, "control character U+0000");
}

TEST(SplitWords, SplitsAsAShellDoes) {
  EXPECT_THAT(split_words("  -cpu   max ", ""), ElementsAre("-cpu", "max"));
  EXPECT_THAT(split_words("", ""), IsEmpty());
  EXPECT_THAT(split_words("''", ""), ElementsAre(""));
  EXPECT_THAT(split_words("a'b c'd", ""), ElementsAre("ab cd"));
  EXPECT_THAT(split_words(R"("a \"b\" \n \\ \$x" 'c\d')", ""), ElementsAre(R"(a "b" \n \ $x)", R"(c\d)"));
  EXPECT_THAT(split_words(R"(a\ b \"c)", ""), ElementsAre("a b", "\"c"));
  EXPECT_THAT(split_words("$(x) `y` ; | & > *", ""), ElementsAre("$(x)", "`y`", ";", "|", "&", ">", "*"));
}

TEST(SplitWords, ExpandsTheHomeAtTheBeginningOfAWordOnly) {
  EXPECT_THAT(split_words("~/a '~/b' file=~/c ~", "/home/me"), ElementsAre("/home/me/a", "~/b", "file=~/c", "~"));
  EXPECT_THROW(split_words("~/a", ""), InvalidError);
}

TEST(SplitWords, RefusesWhatIsNeverClosed) {
  EXPECT_THROW(split_words("'a", ""), InvalidError);
  EXPECT_THROW(split_words("\"a\\\"", ""), InvalidError);
  EXPECT_THROW(split_words("a\\", ""), InvalidError);
}

}  // namespace
}  // namespace meros::constellation
