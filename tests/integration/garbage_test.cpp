// What `meros gc` mends, and what it leaves alone.
#include <gmock/gmock.h>

#include "base/file.h"
#include "integration/machine_test.h"
#include "network/tap.h"
#include "support/namespace.h"

namespace meros::test {
namespace {

using testing::HasSubstr;

class Garbage : public MachineTest {};

TEST_F(Garbage, AHalfMadeVolumeIsRemoved) {
  home().write("data/volumes/.new-.web.Ab12Cd/kernel", "half");
  EXPECT_THAT(must({"gc"}), HasSubstr(".new-.web.Ab12Cd', which a killed verb left"));
}

TEST_F(Garbage, AHalfDeletedVolumeIsRemoved) {
  home().write("data/volumes/.gone-.web.Ab12Cd/kernel", "half");
  EXPECT_THAT(must({"gc"}), HasSubstr(".gone-.web.Ab12Cd', which a killed verb left"));
}

TEST_F(Garbage, SocketsWithoutAnOwnerAreRemoved) {
  create("web", qemu());
  for (const auto* file : {"control.sock", "console.sock", "qemu.pid", "qmp.sock"})
    home().write(std::string("data/volumes/web/") + file, "");
  must({"gc"});
  for (const auto* file : {"control.sock", "console.sock", "qemu.pid", "qmp.sock"})
    EXPECT_FALSE(std::filesystem::exists(home().volume("web") / file)) << file;
  must({"delete", "web"});
}

TEST_F(Garbage, AMachineThatRunsIsLeftAlone) {
  create_and_start("web", qemu());
  const pid_t before = vmm_of("web");
  EXPECT_EQ(must({"gc"}), "");
  EXPECT_EQ(state_of("web"), "running");
  EXPECT_EQ(vmm_of("web"), before);
  EXPECT_EQ(must({"stop", "web"}), "stopped web (ctrl-alt-del)\n");
  must({"delete", "web"});
}

TEST_F(Garbage, ATapWhoseMachineIsGoneIsRemoved) {
  MEROS_REQUIRE(Need::root, Need::namespaces, Need::ip);
  add_bridge("br0", "10.9.0.1/24");
  auto arguments = create_arguments("web", qemu(), Guest::halt, {"--bridge", "br0", "--tap", "tap7"});
  std::erase(arguments, "--no-network");
  ASSERT_TRUE(succeeds(home().meros(arguments)));
  std::filesystem::remove_all(home().volume("web"));
  EXPECT_THAT(must({"gc"}), HasSubstr("removed tap 'tap7', whose machine 'web' is gone"));
  EXPECT_FALSE(meros::network::find_link("tap7").has_value());
  ip({"link", "del", "br0"});
}

TEST_F(Garbage, ATapOfAnotherDataDirectoryIsLeftAlone) {
  MEROS_REQUIRE(Need::root, Need::namespaces, Need::ip);
  ip({"tuntap", "add", "tap7", "mode", "tap"});
  ip({"link", "set", "tap7", "alias", "meros /somewhere/else/volumes/web"});
  EXPECT_EQ(must({"gc"}), "");
  EXPECT_TRUE(meros::network::find_link("tap7").has_value());
  ip({"link", "del", "tap7"});
}

}  // namespace
}  // namespace meros::test
