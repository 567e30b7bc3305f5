#include "machine/vmlinux.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "machine/decompress.h"

namespace fs = std::filesystem;

namespace meros::machine {
namespace {

// Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
constexpr std::size_t setup_sectors_at = 0x1f1;
constexpr std::size_t header_magic_at = 0x202;
constexpr std::size_t version_at = 0x206;
constexpr std::size_t payload_offset_at = 0x248;
constexpr std::size_t payload_length_at = 0x24c;
constexpr std::size_t header_end = payload_length_at + 4;
constexpr std::uint16_t version_with_payload = 0x208;
constexpr std::size_t sector = 512;

constexpr std::string_view elf_magic{
    "\x7f"
    "ELF",
    4};

// Both formats are little-endian, as the machines they are for.
template <typename T>
T number_at(std::string_view bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | (T{static_cast<unsigned char>(bytes[at + i])} << (8 * i)));
  return value;
}

std::string_view payload_of(std::string_view bzimage) {
  if (kernel_format(bzimage) != KernelFormat::bzimage) throw InvalidError("it is not a bzImage");
  if (bzimage.size() < header_end || number_at<std::uint16_t>(bzimage, version_at) < version_with_payload)
    throw InvalidError("its boot protocol is older than 2.08 and does not say where the kernel is");
  const std::size_t sectors = number_at<std::uint8_t>(bzimage, setup_sectors_at);
  const std::size_t setup = ((sectors == 0 ? 4 : sectors) + 1) * sector;
  const std::size_t begin = setup + number_at<std::uint32_t>(bzimage, payload_offset_at);
  const std::size_t length = number_at<std::uint32_t>(bzimage, payload_length_at);
  if (begin > bzimage.size() || length > bzimage.size() - begin || length == 0)
    throw InvalidError("it is damaged: its payload is outside of the file");
  return bzimage.substr(begin, length);
}

// The end of a part of the file, or nothing where it is not inside.
std::optional<std::size_t> end_of(std::uint64_t offset, std::uint64_t length, std::size_t size) {
  if (offset > size || length > size - offset) return std::nullopt;
  return static_cast<std::size_t>(offset + length);
}

template <typename Header>
Header header_at(std::string_view elf, std::uint64_t offset) {
  Header header;
  std::memcpy(&header, elf.data() + offset, sizeof header);
  return header;
}

[[noreturn]] void no_kernel(std::string_view why) {
  throw InvalidError(fmt::format("what is packed in it is no kernel for a virtual machine: {}", why));
}

// Where the ELF file ends: behind it are the relocations.
std::size_t length_of_elf(std::string_view elf) {
  if (elf.size() < sizeof(Elf64_Ehdr) || !elf.starts_with(elf_magic)) no_kernel("it is not an ELF file");
  const auto head = header_at<Elf64_Ehdr>(elf, 0);
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_machine != EM_X86_64)
    no_kernel("it is not for x86_64");
  if (head.e_phentsize != sizeof(Elf64_Phdr)) no_kernel("it has no program headers");
  const auto segments_end = end_of(head.e_phoff, std::uint64_t{head.e_phnum} * sizeof(Elf64_Phdr), elf.size());
  if (!segments_end) no_kernel("its program headers are outside of it");
  std::size_t end = std::max(sizeof(Elf64_Ehdr), *segments_end);
  bool loads = false;
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    const auto segment = header_at<Elf64_Phdr>(elf, head.e_phoff + i * sizeof(Elf64_Phdr));
    const auto segment_end = end_of(segment.p_offset, segment.p_filesz, elf.size());
    if (!segment_end) no_kernel("a segment is outside of it");
    loads = loads || (segment.p_type == PT_LOAD && segment.p_filesz > 0);
    end = std::max(end, *segment_end);
  }
  if (!loads) no_kernel("it has nothing to load");
  if (head.e_shnum == 0 || head.e_shentsize != sizeof(Elf64_Shdr)) return end;
  const auto sections_end = end_of(head.e_shoff, std::uint64_t{head.e_shnum} * sizeof(Elf64_Shdr), elf.size());
  if (!sections_end) no_kernel("its section headers are outside of it");
  for (std::size_t i = 0; i < head.e_shnum; ++i) {
    const auto section = header_at<Elf64_Shdr>(elf, head.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type == SHT_NOBITS || section.sh_type == SHT_NULL) continue;
    const auto section_end = end_of(section.sh_offset, section.sh_size, elf.size());
    if (!section_end) no_kernel("a section is outside of it");
    end = std::max(end, *section_end);
  }
  return std::max(end, *sections_end);
}

}  // namespace

KernelFormat kernel_format(std::string_view head) {
  if (head.starts_with(elf_magic)) return KernelFormat::elf;
  const bool bzimage = head.size() >= header_magic_at + 4 && head.substr(header_magic_at, 4) == "HdrS";
  return bzimage ? KernelFormat::bzimage : KernelFormat::other;
}

KernelFormat kernel_format_of(const fs::path& kernel) {
  const Fd file = open_file(kernel, O_RDONLY);
  std::string head(header_end, '\0');
  const ssize_t bytes = ::pread(file.get(), head.data(), head.size(), 0);
  if (bytes < 0) throw_errno(fmt::format("cannot read '{}'", kernel.string()));
  return kernel_format(std::string_view(head).substr(0, static_cast<std::size_t>(bytes)));
}

std::string unpack_vmlinux(std::string_view bzimage, std::size_t limit) {
  const std::string_view payload = payload_of(bzimage);
  const auto compression = compression_of(payload);
  if (!compression && kernel_format(payload) != KernelFormat::elf)
    throw InvalidError("its kernel is compressed by something else than gzip, xz, lz4 and zstd",
                       "take a kernel that is compressed by one of them");
  std::string vmlinux = compression ? decompress(*compression, payload, limit) : std::string(payload);
  vmlinux.resize(length_of_elf(vmlinux));
  return vmlinux;
}

void copy_elf_kernel(const fs::path& from, const fs::path& to) {
  if (kernel_format_of(from) != KernelFormat::bzimage) {
    clone_file(from, to, 0644);
    return;
  }
  try {
    replace_file(to, unpack_vmlinux(read_file(from, largest_kernel)), 0644);
  } catch (InvalidError& e) {
    e.add_context(fmt::format("cannot unpack the kernel '{}'", from.string()));
    throw;
  }
}

}  // namespace meros::machine
