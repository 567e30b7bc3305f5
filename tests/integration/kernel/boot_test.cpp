// What kernel-build makes, on the machines that it is for.
#include <gmock/gmock.h>

#include "integration/kernel/source_tree.h"
#include "integration/machine_test.h"

namespace fs = std::filesystem;

namespace meros::test {
namespace {

class BuiltKernel : public EachVmm {
 protected:
  void SetUp() override {
    EachVmm::SetUp();
    if (IsSkipped()) return;
    for (const char* program : {"make", "gcc", "flex", "bison", "bc", "perl", "zstd"})
      if (!find_program(program)) GTEST_SKIP() << "needs " << program;
    if (!fs::exists("/usr/include/libelf.h")) GTEST_SKIP() << "needs libelf.h (package libelf-dev)";
  }
  void TearDown() override {
    for (const auto* made : {"linux", "data/cache", "data/disks"}) fs::remove_all(home().path() / made);
    EachVmm::TearDown();
  }
  fs::path disk(const std::string& name) { return home().data_dir() / "disks" / name; }
};

// Firecracker gets what is in the bzImage; QEMU, which boots both, the file that is beside it.
TEST_P(BuiltKernel, RunsAMachine) {
  const SourceTree tree(home().path() / "linux");
  must({"kernel-build", "--source", tree.directory(), "--config", "micro"});
  const bool firecracker = vmm().driver == "firecracker";
  auto arguments = create_arguments("web", vmm());
  const auto kernel = std::find(arguments.begin(), arguments.end(), "--kernel");
  ASSERT_NE(kernel, arguments.end());
  kernel[1] = disk(firecracker ? "bzImage" : "vmlinux");
  must(arguments);
  EXPECT_EQ(read_file(home().volume("web") / "kernel"), read_file(kernel_of(Guest::halt)));
  must({"start", "web"});
  EXPECT_TRUE(comes_to_say("web", ready_line));
  must({"stop", "web"});
  must({"delete", "web"});
}

TEST_P(BuiltKernel, TellsByItsFactsWhetherItTakesDevicesFromItsCommandLine) {
  const SourceTree tree(home().path() / "linux");
  must({"kernel-build", "--source", tree.directory(), "--config", "micro"});
  auto arguments = create_arguments("web", qemu());
  const auto kernel = std::find(arguments.begin(), arguments.end(), "--kernel");
  ASSERT_NE(kernel, arguments.end());
  kernel[1] = disk("bzImage");
  must(arguments);
  EXPECT_TRUE(get<bool>(parse_json(read_file(home().volume("web") / "config.json"), "config"), "virtio_mmio_cmdline"));
  must({"delete", "web"});
  // Another kernel under the same name is not what the file tells of.
  replace_file(disk("bzImage"), read_file(disk("bzImage")) + "x");
  must(arguments);
  EXPECT_FALSE(get<bool>(parse_json(read_file(home().volume("web") / "config.json"), "config"), "virtio_mmio_cmdline"));
  must({"delete", "web"});
}

MEROS_ON_EACH_VMM(BuiltKernel);

}  // namespace
}  // namespace meros::test
