#include "vmm/qemu/image_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::string_view_literals;

// The first bytes of the file; fewer where it is shorter.
std::string head_of(const Fd& file, std::size_t size, const std::string& path) {
  std::string head(size, '\0');
  ssize_t n = 0;
  do n = ::pread(file.get(), head.data(), head.size(), 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) throw_errno("cannot read '" + path + "'");
  head.resize(static_cast<std::size_t>(n));
  return head;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

bool has_at(std::string_view head, std::size_t offset, std::string_view magic) {
  return head.size() >= offset + magic.size() && head.substr(offset, magic.size()) == magic;
}

}  // namespace

// The header's layout: docs/interop/qcow2.txt of QEMU.
void check_qcow2(const Fd& file, const std::string& path, Backing backing) {
  constexpr std::size_t header_size = 80;
  constexpr std::uint64_t external_data_file = 4;  // bit 2 of the incompatible features
  const std::string head = head_of(file, header_size, path);
  const std::string_view bytes = head;
  if (!has_at(bytes, 0, "QFI\xfb"sv) || bytes.size() < 72)
    throw InvalidError(fmt::format("'{}' is not a qcow2 image", path), "`qemu-img info` tells what it is");
  const bool version_3 = big_endian(bytes.substr(4, 4)) >= 3 && bytes.size() == header_size;
  if (version_3 && (big_endian(bytes.substr(72, 8)) & external_data_file) != 0)
    throw InvalidError(fmt::format("the qcow2 image '{}' keeps its data in another file", path),
                       "make one file of it with `qemu-img convert -O qcow2`");
  if (backing == Backing::none && big_endian(bytes.substr(8, 8)) != 0)
    throw InvalidError(
        fmt::format("the qcow2 image '{}' stands on a backing file that is not part of the machine", path),
        "make one file of it with `qemu-img convert -O qcow2`");
}

void check_kernel(const Fd& file, const std::string& path, Arch arch) {
  const std::string head = head_of(file, 0x210, path);
  if (has_at(head, 0,
             "\x7f"
             "ELF"sv))
    return;
  if (arch == Arch::x86_64) {
    if (has_at(head, 0x202, "HdrS"sv)) return;  // Documentation/x86/boot.rst of Linux
    throw InvalidError(fmt::format("'{}' is not a kernel for x86_64", path),
                       "QEMU boots a bzImage (vmlinuz), or a vmlinux built with CONFIG_PVH");
  }
  // Documentation/arm64/booting.rst of Linux; QEMU unpacks gzip.
  if (has_at(head, 0x38, "ARM\x64"sv) || has_at(head, 0, "\x1f\x8b"sv)) return;
  throw InvalidError(fmt::format("'{}' is not a kernel for aarch64", path), "QEMU boots an Image (vmlinuz)");
}

}  // namespace meros::vmm::qemu
