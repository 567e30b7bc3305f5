#include "cli/invocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace meros::test {
namespace {

using cli::Invocation;
using cli::read_invocation;
using machine::Face;
using testing::ElementsAre;
using testing::IsEmpty;

void expect_usage(Face face, const std::vector<std::string>& arguments, const std::string& message,
                  const std::string& hint) {
  try {
    read_invocation(face, arguments);
    ADD_FAILURE() << "it was taken: " << message;
  } catch (const UsageError& e) {
    EXPECT_EQ(e.message(), message);
    EXPECT_EQ(e.hint(), hint);
  }
}

TEST(Invocation, FindsTheVerbBehindGlobalOptions) {
  const auto found = read_invocation(Face::meros, {"-v", "--data-dir", "stop", "-o", "json", "start", "web", "--all"});
  ASSERT_TRUE(found.verb);
  EXPECT_EQ(found.verb->name, "start");
  EXPECT_THAT(found.arguments, ElementsAre("-v", "--data-dir", "stop", "-o", "json", "web", "--all"));
}

TEST(Invocation, TakesRunAsAnOptionWithTheApplicationFirst) {
  const auto found = read_invocation(Face::meros, {"-v", "--run", "foot", "lab", "web"});
  ASSERT_TRUE(found.verb);
  EXPECT_EQ(found.verb->name, "run");
  EXPECT_THAT(found.arguments, ElementsAre("-v", "lab", "web", "--", "foot"));
  EXPECT_THAT(read_invocation(Face::meros, {"--run", "foot -e top", "web"}).arguments,
              ElementsAre("web", "--", "sh", "-c", "foot -e top"));
  expect_usage(Face::meros, {"--run"}, "--run: no application is named", "meros --run APP CONSTELLATION VM");
}

TEST(Invocation, TakesAMachineThatIsCalledAsAVerb) {
  const auto found = read_invocation(Face::meros, {"start", "start"});
  EXPECT_EQ(found.verb->name, "start");
  EXPECT_THAT(found.arguments, ElementsAre("start"));
}

TEST(Invocation, KnowsOtherNamesOfVerbs) {
  EXPECT_EQ(read_invocation(Face::meros, {"rm", "web"}).verb->name, "delete");
  EXPECT_EQ(read_invocation(Face::mergenc, {"list"}).verb->name, "ps");
}

TEST(Invocation, KnowsVerbsOfTwoWords) {
  const auto found = read_invocation(Face::mergenc, {"image", "fetch", "--force"});
  EXPECT_EQ(found.verb->name, "image fetch");
  EXPECT_THAT(found.arguments, ElementsAre("--force"));
}

TEST(Invocation, IsHelpOrVersionBeforeAnyVerb) {
  EXPECT_EQ(read_invocation(Face::meros, {"--version"}).kind, Invocation::Kind::version);
  EXPECT_EQ(read_invocation(Face::meros, {"--help"}).kind, Invocation::Kind::help);
  EXPECT_EQ(read_invocation(Face::meros, {"-v", "-h"}).kind, Invocation::Kind::help);
  EXPECT_EQ(read_invocation(Face::meros, {"help"}).kind, Invocation::Kind::help);
}

TEST(Invocation, TakesHelpForTheHelpOfAVerb) {
  const auto found = read_invocation(Face::meros, {"help", "start"});
  EXPECT_EQ(found.verb->name, "start");
  EXPECT_THAT(found.arguments, ElementsAre("--help"));
}

TEST(Invocation, SuggestsTheNearestVerb) {
  expect_usage(Face::meros, {"strat", "web"}, "unknown verb 'strat'", "did you mean 'start'?");
  expect_usage(Face::mergenc, {"delte", "web"}, "unknown verb 'delte'", "did you mean 'delete'?");
  expect_usage(Face::meros, {"image", "fecth"}, "unknown verb 'image fecth'", "did you mean 'image fetch'?");
}

TEST(Invocation, PointsToTheHelpWhereNothingIsNear) {
  expect_usage(Face::meros, {"frobnicate"}, "unknown verb 'frobnicate'", "see 'meros --help'");
  expect_usage(Face::mergenc, {"pause", "web"}, "unknown verb 'pause'", "see 'mergenc --help'");
  expect_usage(Face::meros, {"\x1b[2J"}, "unknown verb '?[2J'", "see 'meros --help'");
}

TEST(Invocation, NeedsAVerb) {
  expect_usage(Face::meros, {}, "no verb is given", "see 'meros --help'");
  expect_usage(Face::mergenc, {"-v"}, "no verb is given", "see 'mergenc --help'");
  expect_usage(Face::meros, {"--data-dir", "start"}, "no verb is given", "see 'meros --help'");
  expect_usage(Face::meros, {"image"}, "'image' needs to know what to do: fetch, ls, rm, prune",
               "see 'meros image fetch --help'");
}

}  // namespace
}  // namespace meros::test
