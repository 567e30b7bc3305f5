#include "guest/application.h"

#include <gmock/gmock.h>

namespace meros::test {
namespace {

using guest::Application;
using testing::ElementsAre;

TEST(ApplicationCommand, KeepsTheApplicationsWords) {
  Application application;
  application.command.command.argv = {"foot", "a  b", ""};
  application.command.command.environment = {{"A", "x"}};
  application.x11 = guest::X11::yes;
  auto command = application_command(application, "/tmp/meros-run-1.sock", "lz4");
  EXPECT_THAT(command.environment, ElementsAre(std::pair<std::string, std::string>("A", "x")));
  ASSERT_EQ(command.argv.size(), 10U);
  command.argv[2].clear();  // the script
  EXPECT_THAT(command.argv,
              ElementsAre("sh", "-c", "", "sh", "/tmp/meros-run-1.sock", "lz4", "yes", "foot", "a  b", ""));
}

TEST(ForwardWords, ExpandNothingOfThePath) {
  EXPECT_EQ(guest::forward_words("/tmp/there", "/run/100%h/here"), "/tmp/there:/run/100%%h/here");
}

TEST(CompressionOf, IsLz4WhereWaypipeHasIt) {
  EXPECT_EQ(guest::compression_of("waypipe 0.8.4\nfeatures: lz4 zstd dmabuf video vaapi\nunavailable:\n"), "lz4");
  EXPECT_EQ(guest::compression_of("waypipe 0.8.4\nfeatures: zstd\nunavailable: lz4 dmabuf\n"), "none");
  EXPECT_EQ(guest::compression_of(""), "none");
}

}  // namespace
}  // namespace meros::test
