#include <fcntl.h>
#include <gmock/gmock.h>

#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "vmm/qemu/image_check.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::string_literals;

std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string qcow2_header(std::uint32_t version, std::uint64_t backing_offset, std::uint64_t incompatible) {
  return "QFI\xfb" + big_endian(version, 4) + big_endian(backing_offset, 8) + std::string(56, '\0') +
         big_endian(incompatible, 8) + std::string(100, '\0');
}

std::string error_of(const std::string& content, const std::function<void(const Fd&)>& check) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  replace_file(path, content);
  try {
    check(open_file(path, O_RDONLY));
  } catch (const InvalidError& e) {
    return e.message();
  }
  return "accepted";
}

std::string qcow2(const std::string& content, Backing backing = Backing::none) {
  return error_of(content, [&](const Fd& file) { check_qcow2(file, "a.qcow2", backing); });
}

std::string kernel(const std::string& content, Arch arch) {
  return error_of(content, [&](const Fd& file) { check_kernel(file, "vmlinuz", arch); });
}

TEST(Qcow2Check, TakesAnImageThatStandsAlone) {
  EXPECT_EQ(qcow2(qcow2_header(3, 0, 0)), "accepted");
  EXPECT_EQ(qcow2(qcow2_header(2, 0, 0)), "accepted");
  EXPECT_EQ(qcow2(qcow2_header(2, 0, 0).substr(0, 72)), "accepted");
}

TEST(Qcow2Check, RefusesWhatIsNoQcow2Image) {
  for (const auto& content : {""s, "QFI"s, "QFI\xfb"s, std::string(4096, '\0'),
                              "\x7f"
                              "ELF"s +
                                  std::string(200, 'x')})
    EXPECT_EQ(qcow2(content), "'a.qcow2' is not a qcow2 image");
}

TEST(Qcow2Check, RefusesABackingFileThatTheMachineDoesNotName) {
  EXPECT_EQ(qcow2(qcow2_header(3, 0x200, 0)),
            "the qcow2 image 'a.qcow2' stands on a backing file that is not part of the machine");
  EXPECT_EQ(qcow2(qcow2_header(3, 0x200, 0), Backing::configured), "accepted");
}

TEST(Qcow2Check, RefusesAnImageThatKeepsItsDataElsewhere) {
  const std::string refused = "the qcow2 image 'a.qcow2' keeps its data in another file";
  EXPECT_EQ(qcow2(qcow2_header(3, 0, 4)), refused);
  EXPECT_EQ(qcow2(qcow2_header(3, 0, 5), Backing::configured), refused);
  EXPECT_EQ(qcow2(qcow2_header(3, 0, 0x1b)), "accepted")
      << "dirty, corrupt, compression and extended L2 are QEMU's own";
  EXPECT_EQ(qcow2(qcow2_header(2, 0, 4)), "accepted") << "version 2 has no such field";
}

TEST(KernelCheck, TakesWhatQemuLoads) {
  const std::string elf =
      "\x7f"
      "ELF";
  EXPECT_EQ(kernel(elf, Arch::x86_64), "accepted");
  EXPECT_EQ(kernel(elf, Arch::aarch64), "accepted");
  EXPECT_EQ(kernel(std::string(0x202, '\0') + "HdrS", Arch::x86_64), "accepted");
  EXPECT_EQ(kernel(std::string(0x38, '\0') + "ARM\x64", Arch::aarch64), "accepted");
  EXPECT_EQ(kernel("\x1f\x8b\x08", Arch::aarch64), "accepted");
}

TEST(KernelCheck, RefusesWhatQemuWouldRunThoughItIsNone) {
  for (const auto& content : {""s, "HdrS"s, std::string(4096, 'x'), std::string(0x38, '\0') + "ARM\x64"})
    EXPECT_EQ(kernel(content, Arch::x86_64), "'vmlinuz' is not a kernel for x86_64");
  EXPECT_EQ(kernel(std::string(0x202, '\0') + "HdrS", Arch::aarch64), "'vmlinuz' is not a kernel for aarch64");
}

}  // namespace
}  // namespace meros::vmm::qemu
