#include "vmm/spec.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace meros::vmm {
namespace {

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const InvalidError& e) {
    return e.message() + " | " + e.hint();
  }
  return "no error";
}

TEST(Spec, NamesAreReadBackAsTheyAreWritten) {
  for (const Arch arch : {Arch::x86_64, Arch::aarch64}) EXPECT_EQ(parse_arch(to_string(arch)), arch);
  for (const DiskFormat format : {DiskFormat::raw, DiskFormat::qcow2})
    EXPECT_EQ(parse_disk_format(to_string(format)), format);
  EXPECT_EQ(to_string(Accel::kvm), "kvm");
  EXPECT_EQ(to_string(Accel::tcg), "tcg");
}

TEST(Spec, AnUnknownNameIsRefusedWithThoseThatThereAre) {
  EXPECT_EQ(error_of([] { parse_arch("riscv64"); }), "there is no architecture 'riscv64' | x86_64 or aarch64");
  EXPECT_EQ(error_of([] { parse_arch("X86_64"); }), "there is no architecture 'X86_64' | x86_64 or aarch64");
  EXPECT_EQ(error_of([] { parse_disk_format(""); }), "there is no disk format '' | raw or qcow2");
}

}  // namespace
}  // namespace meros::vmm
