#include "image/kernel_config.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "image/kernel_facts.h"

namespace meros::image {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string error_of(std::string_view text) {
  try {
    parse_kernel_config(text, "own.config");
    return "no error";
  } catch (const InvalidError& e) {
    return e.what();
  }
}

TEST(KernelConfig, ReadsWhatKconfigWrites) {
  const auto config = parse_kernel_config(
      "#\n# Linux/x86 6.1.0 Kernel Configuration\n#\nCONFIG_SMP=y\n# CONFIG_NUMA is not set\n\nCONFIG_HZ=100\r\n"
      "CONFIG_LOCALVERSION=\"-a=b\"\nCONFIG_SMP=n\n  CONFIG_9P_FS=m\n",
      ".config");
  EXPECT_THAT(config, ElementsAre(Pair("9P_FS", "m"), Pair("HZ", "100"), Pair("LOCALVERSION", "\"-a=b\""),
                                  Pair("NUMA", "n"), Pair("SMP", "n")));
  EXPECT_EQ(to_text(config),
            "CONFIG_9P_FS=m\nCONFIG_HZ=100\nCONFIG_LOCALVERSION=\"-a=b\"\n# CONFIG_NUMA is not set\n"
            "# CONFIG_SMP is not set\n");
  EXPECT_EQ(parse_kernel_config(to_text(config), "again"), config);
}

TEST(KernelConfig, NamesTheLineThatIsNone) {
  EXPECT_EQ(error_of("CONFIG_SMP=y\nSMP=y\n"), "own.config:2: this is no kernel option");
  EXPECT_EQ(error_of("CONFIG_SMP\n"), "own.config:1: this is no kernel option");
  EXPECT_EQ(error_of("CONFIG_=y\n"), "own.config:1: this is no kernel option");
  EXPECT_EQ(error_of("CONFIG_A B=y\n"), "own.config:1: this is no kernel option");
  EXPECT_EQ(error_of("CONFIG_A=\n"), "own.config:1: this is no kernel option");
  EXPECT_EQ(error_of("CONFIG_A=y\x1b[31m\n"), "own.config:1: this is no kernel option");
  EXPECT_EQ(error_of("# any comment, CONFIG_A=y\n"), "no error");
}

TEST(KernelConfig, LetsTheLaterOneWin) {
  const KernelConfig base = {{"A", "y"}, {"B", "y"}};
  EXPECT_THAT(merged(base, {{"B", "n"}, {"C", "m"}}), ElementsAre(Pair("A", "y"), Pair("B", "n"), Pair("C", "m")));
  EXPECT_EQ(merged(base, {}), base);
}

TEST(KernelConfig, TellsWhatDidNotSurvive) {
  const KernelConfig asked = {{"A", "y"}, {"B", "y"}, {"C", "m"}, {"D", "n"}, {"E", "n"}, {"HZ", "100"}};
  const KernelConfig got = {{"A", "y"}, {"B", "m"}, {"D", "y"}, {"HZ", "250"}, {"OTHER", "y"}};
  EXPECT_THAT(lost_options(asked, got),
              ElementsAre(LostOption{"CONFIG_B", "y", "m"}, LostOption{"CONFIG_C", "m", "n"},
                          LostOption{"CONFIG_D", "n", "y"}, LostOption{"CONFIG_HZ", "100", "250"}));
  EXPECT_THAT(lost_options(asked, asked), IsEmpty());
}

TEST(KernelConfig, OfOurOwnCanWhatAMachineNeeds) {
  const auto x86 = capabilities_of(micro_config(vmm::Arch::x86_64));
  for (const auto& [name, can] : x86) EXPECT_EQ(can, name != "modules") << name;
  const auto arm = capabilities_of(micro_config(vmm::Arch::aarch64));
  for (const auto& [name, can] : arm) EXPECT_EQ(can, name != "modules" && name != "acpi" && name != "pvh") << name;
}

TEST(KernelConfig, CountsOnlyWhatIsBuiltIn) {
  const auto can = capabilities_of({{"VIRTIO_MMIO", "m"}, {"VIRTIO_MMIO_CMDLINE_DEVICES", "y"}, {"ACPI", "y"}});
  EXPECT_FALSE(can.at("virtio_mmio"));
  EXPECT_FALSE(can.at("virtio_mmio_cmdline"));
  EXPECT_TRUE(can.at("acpi"));
  EXPECT_FALSE(can.at("9p"));
}

}  // namespace
}  // namespace meros::image
