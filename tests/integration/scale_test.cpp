// Fifty machines at once.
#include <gmock/gmock.h>

#include "integration/machine_test.h"

namespace meros::test {
namespace {

class Fifty : public EachVmm {
 protected:
  static constexpr int count = 50;
};

TEST_P(Fifty, AreListedStoppedAndDeletedByOneCommandEach) {
  for (int i = 1; i <= count; ++i) create("vm-" + std::to_string(i), vmm());
  must({"start", "--all"});
  const Json all = parse_json(must({"ps", "-o", "json"}), "ps");
  ASSERT_EQ(all.size(), static_cast<std::size_t>(count));
  for (const auto& machine : all) {
    EXPECT_EQ(get<std::string>(machine, "state"), "running");
    EXPECT_TRUE(is_alive(get<pid_t>(machine, "vmm_pid")));
  }
  for (const auto& machine : all) EXPECT_TRUE(comes_to_say(get<std::string>(machine, "name"), ready_line));
  must({"stop", "--all"});
  EXPECT_EQ(must({"ps", "-o", "json"}), "[]\n");
  must({"delete", "--all", "--yes"});
  EXPECT_EQ(must({"ps", "-a", "-o", "json"}), "[]\n");
}

MEROS_ON_EACH_VMM(Fifty);

}  // namespace
}  // namespace meros::test
