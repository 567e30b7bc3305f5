// A machine that is of no constellation has the same verbs.
#include <gmock/gmock.h>

#include "e2e/guest_lab.h"
#include "support/wait.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

using testing::HasSubstr;

constexpr std::chrono::minutes boot_time{4};

class MachineOfCreate : public InGuest {};

TEST_F(MachineOfCreate, IsReachedByWhatItsImageSays) {
  const auto disk = [&](const std::string& suffix) { return (lab().data() / ("disks/inside-db" + suffix)).string(); };
  ASSERT_TRUE(succeeds(lab().meros({"create", "solo", "--driver", "qemu", "--accel", "tcg", "--cpus", "2", "--memory",
                                    "512", "--rootfs", disk(".qcow2"), "--kernel", disk(".kernel"), "--initrd",
                                    disk(".initrd"), "--append", "root=/dev/vda"})));
  ASSERT_TRUE(succeeds(lab().meros({"start", "solo"})));
  ASSERT_TRUE(eventually(
      [&] {
        return lab().meros({"exec", "solo", "--", "true"}).code == 0;
      },
      boot_time))
      << lab().meros({"exec", "solo", "--", "true"}) << lab().meros({"logs", "--tail", "20", "solo"});
  EXPECT_EQ(lab().in_guest("solo", "id -un"), "debian\n");
  EXPECT_EQ(lab().meros({"-c", "solo", "--", "-T", "exit 3"}).code, 3);

  const auto file = lab().home().write("a file", "some content");
  lab().give_away(file);
  EXPECT_TRUE(succeeds(lab().meros({"push", "solo", file.string()})));
  EXPECT_TRUE(succeeds(lab().meros({"pull", "solo"})));
  EXPECT_EQ(read_file(lab().data() / "mos-shared/solo/a file"), "some content");
  EXPECT_TRUE(succeeds(lab().meros({"cp", file.string(), "solo:/tmp/by cp"})));
  EXPECT_EQ(lab().in_guest("solo", "cat '/tmp/by cp'"), "some content");
  EXPECT_THAT(lab().meros({"ssh-config", "solo"}).out, HasSubstr("Host solo solo.meros\n"));
  EXPECT_THAT(lab().meros({"logs", "solo"}).out, HasSubstr("login:"));

  // And by what is said, as for an image from elsewhere.
  const Result said = lab().meros(
      {"exec", "solo", "--user", "root", "--identity", lab().copy_of_key("db"), "--", "sh", "-c", "id -un; exit 4"});
  EXPECT_EQ(said.code, 4);
  EXPECT_EQ(said.out, "root\n") << said.err;
  EXPECT_TRUE(succeeds(lab().meros({"delete", "solo", "--yes", "--force"})));
  fs::remove_all(lab().data() / "mos-shared");
}

}  // namespace
}  // namespace meros::test
