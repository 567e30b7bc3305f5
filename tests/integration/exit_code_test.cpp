// The exit codes that scripts depend on: each of the manual's, once, from a program that ran.
#include <gmock/gmock.h>

#include "integration/machine_test.h"

namespace meros::test {
namespace {

class Exits : public MachineTest {};

TEST_F(Exits, With0WhenItIsDone) { EXPECT_EQ(home().meros({"ps"}).code, 0); }

TEST_F(Exits, With1WhenItFailed) {
  create("web", qemu());
  EXPECT_EQ(home().meros({"console", "web"}).code, 1);
  must({"delete", "web"});
}

TEST_F(Exits, With2ForWrongUsage) {
  EXPECT_EQ(home().meros({}).code, 2);
  EXPECT_EQ(home().meros({"strat"}).code, 2);
  EXPECT_EQ(home().meros({"start"}).code, 2);
  EXPECT_EQ(home().meros({"start", "--no-such-option", "web"}).code, 2);
}

TEST_F(Exits, With3ForWhatMakesNoSense) { EXPECT_EQ(home().meros({"start", "no name"}).code, 3); }

TEST_F(Exits, With4WhereThereIsNoSuchThing) { EXPECT_EQ(home().meros({"start", "web"}).code, 4); }

TEST_F(Exits, With5WhereItExists) {
  create("web", qemu());
  EXPECT_EQ(home().meros(create_arguments("web", qemu())).code, 5);
  must({"delete", "web"});
}

TEST_F(Exits, With6WhereTheHostLacksSomething) {
  EXPECT_EQ(
      home()
          .meros({"create", "web", "--no-network", "--kernel", kernel_of(Guest::halt), "--qemu-bin", "/nowhere/qemu"})
          .code,
      6);
}

TEST_F(Exits, With124AfterItsTime) {
  create("web", qemu());
  EXPECT_TRUE(fails_with(home().meros({"wait", "web", "--for", "running", "--timeout", "0.1"}), ExitCode::timed_out,
                         "still created"));
  must({"delete", "web"});
}

TEST_F(Exits, WithTheWorstOfSeveral) {
  create("web", qemu());
  EXPECT_EQ(home().meros({"stop", "web", "shop"}).code, 4);
  must({"delete", "web"});
}

}  // namespace
}  // namespace meros::test
