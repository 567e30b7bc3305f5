#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/output.h"

namespace meros::test {
namespace {

using cli::to_yaml_text;

TEST(Yaml, NestsObjectsAndArrays) {
  const Json document = {{"name", "web"},
                         {"cpus", 2},
                         {"lost", false},
                         {"reason", nullptr},
                         {"disks", {{{"path", "a.qcow2"}, {"read_only", true}}, {{"path", "b.raw"}}}},
                         {"network", {{"bridge", "docker0"}}},
                         {"tags", {"a", "b"}},
                         {"matrix", {{1, 2}, {3}}},
                         {"nothing", Json::array()},
                         {"void", Json::object()}};
  EXPECT_EQ(to_yaml_text(document), R"(cpus: 2
disks:
  - path: a.qcow2
    read_only: true
  - path: b.raw
lost: false
matrix:
  -
    - 1
    - 2
  -
    - 3
name: web
network:
  bridge: docker0
nothing: []
reason: null
tags:
  - a
  - b
void: {}
)");
}

TEST(Yaml, HasScalarsAndEmptyDocuments) {
  EXPECT_EQ(to_yaml_text(Json(1)), "1\n");
  EXPECT_EQ(to_yaml_text(Json::array()), "[]\n");
  EXPECT_EQ(to_yaml_text(Json::object()), "{}\n");
  EXPECT_EQ(to_yaml_text(Json{"x"}), "- x\n");
}

TEST(Yaml, NestsEmptyThingsInArrays) { EXPECT_EQ(to_yaml_text(Json{Json::array(), Json::object()}), "- []\n- {}\n"); }

class YamlString : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(YamlString, IsQuotedWhereItCouldBeTakenForSomethingElse) {
  EXPECT_EQ(to_yaml_text(Json(GetParam().first)), std::string(GetParam().second) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Strings, YamlString,
    testing::Values(std::pair{"web-1", "web-1"}, std::pair{"a/b.c_d", "a/b.c_d"}, std::pair{"", R"("")"},
                    std::pair{"yes", R"("yes")"}, std::pair{"No", R"("No")"}, std::pair{"TRUE", R"("TRUE")"},
                    std::pair{"off", R"("off")"}, std::pair{"y", R"("y")"}, std::pair{"null", R"("null")"},
                    std::pair{"~", R"("~")"}, std::pair{"12", R"("12")"}, std::pair{"0x1f", R"("0x1f")"},
                    std::pair{"1e3", R"("1e3")"}, std::pair{"12:30:45", R"("12:30:45")"},
                    std::pair{"02:00:00:00:00:01", R"("02:00:00:00:00:01")"},
                    std::pair{"2026-01-31", R"("2026-01-31")"}, std::pair{".inf", R"(".inf")"},
                    std::pair{"a: b", R"("a: b")"}, std::pair{"a #b", R"("a #b")"}, std::pair{"- a", R"("- a")"},
                    std::pair{"<<", R"("<<")"}, std::pair{"*a", R"("*a")"}, std::pair{"a\nb", R"("a\nb")"},
                    std::pair{"a\"b\\", R"("a\"b\\")"}, std::pair{"\x1b", R"("\u001b")"},
                    std::pair{"\x7f", R"("\x7f")"}, std::pair{"\xc2\x85", R"("\x85")"},
                    std::pair{"\xe2\x80\xa8", R"("\u2028")"}, std::pair{"\xc3\xa9", "\"\xc3\xa9\""}));

TEST(Yaml, QuotesKeysToo) { EXPECT_EQ(to_yaml_text(Json{{"on", 1}, {"a b", 2}}), "\"a b\": 2\n\"on\": 1\n"); }

TEST(Yaml, WritesNumbersThatEveryVersionReads) {
  EXPECT_EQ(to_yaml_text(Json(1.5)), "1.5\n");
  EXPECT_EQ(to_yaml_text(Json(1e300)), "1.0e+300\n");
  EXPECT_EQ(to_yaml_text(Json(-3)), "-3\n");
}

}  // namespace
}  // namespace meros::test
