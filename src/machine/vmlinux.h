// The ELF kernel inside of a bzImage, for a VMM that loads nothing else.
//
// A bzImage says in its setup header where its payload is (Documentation/arch/x86/boot.rst, payload_offset and
// payload_length): the kernel's ELF file, compressed, and behind it what the boot code needs besides.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace meros::machine {

enum class KernelFormat { elf, bzimage, other };  // other: an arm64 Image, or nothing that we know
KernelFormat kernel_format(std::string_view head);
// By the first bytes of a file. SystemError where it cannot be read.
KernelFormat kernel_format_of(const std::filesystem::path& kernel);

// What a kernel may come to: a kernel with everything built in and debug information is below it.
constexpr std::size_t largest_kernel = std::size_t{512} << 20;

// Payloads by gzip, xz, lz4 and zstd. The result is an x86_64 ELF file whose segments are all inside of it, and nothing
// behind it. InvalidError for what is no bzImage, is damaged, is compressed by something else, or becomes larger than
// `limit`.
std::string unpack_vmlinux(std::string_view bzimage, std::size_t limit = largest_kernel);

// The kernel `from` as the file `to`, which must not exist, for a VMM that loads ELF kernels only: unpacked where it is
// a bzImage, else as it is. InvalidError names the kernel.
void copy_elf_kernel(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace meros::machine
