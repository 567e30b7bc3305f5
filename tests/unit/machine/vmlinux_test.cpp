// Kernels made here, with real streams of every kind in them.
#include "machine/vmlinux.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <random>

#include "base/error.h"
#include "base/file.h"
#include "machine/decompress.h"

namespace meros::machine {
namespace {

using testing::HasSubstr;

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A small ELF kernel: one segment of text that compresses neither to nothing nor not at all.
std::string elf_kernel(std::size_t text_bytes = 100'000) {
  std::string text;
  std::minstd_rand numbers(1);
  while (text.size() < text_bytes) text += "insn " + std::to_string(numbers() % 1000) + "\n";
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_EXEC;
  head.e_machine = EM_X86_64;
  head.e_version = EV_CURRENT;
  head.e_phoff = sizeof head;
  head.e_ehsize = sizeof head;
  head.e_phentsize = sizeof(Elf64_Phdr);
  head.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_offset = sizeof head + sizeof segment;
  segment.p_filesz = text.size();
  segment.p_memsz = text.size();
  return bytes_of(head) + bytes_of(segment) + text;
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  ::deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

// As the kernel's scripts/xz_wrap.sh: CRC32, and x86 instructions made alike first.
std::string xzed(const std::string& text) {
  lzma_options_lzma options;
  ::lzma_lzma_preset(&options, 6);
  options.dict_size = 32U << 20;
  const lzma_filter filters[] = {
      {LZMA_FILTER_X86, nullptr}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  std::string out(::lzma_stream_buffer_bound(text.size()), '\0');
  std::size_t size = 0;
  EXPECT_EQ(::lzma_stream_buffer_encode(const_cast<lzma_filter*>(filters), LZMA_CHECK_CRC32, nullptr,
                                        reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                        reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

// As `lz4 -l -9`.
std::string lz4ed(const std::string& text) {
  constexpr std::size_t block = std::size_t{8} << 20;
  std::string out("\x02\x21\x4c\x18", 4);
  for (std::size_t at = 0; at < text.size(); at += block) {
    const auto length = static_cast<int>(std::min(block, text.size() - at));
    std::string packed(static_cast<std::size_t>(LZ4_COMPRESSBOUND(length)), '\0');
    const int bytes = ::LZ4_compress_HC(text.data() + at, packed.data(), length, static_cast<int>(packed.size()), 9);
    out += bytes_of(static_cast<std::uint32_t>(bytes)) + packed.substr(0, static_cast<std::size_t>(bytes));
  }
  return out;
}

std::string zstded(const std::string& text) {
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  const std::size_t bytes = ::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  EXPECT_EQ(::ZSTD_isError(bytes), 0U);
  out.resize(bytes);
  return out;
}

// The setup code, then other code, then the payload, then the end of the boot code.
std::string bzimage(const std::string& payload) {
  constexpr std::size_t setup = 4 * 512;
  constexpr std::uint32_t code_before = 700;
  std::string image(setup + code_before, '\x90');
  image[0x1f1] = 3;
  image.replace(0x202, 4, "HdrS");
  image.replace(0x206, 2, bytes_of(std::uint16_t{0x20f}));
  image.replace(0x248, 4, bytes_of(code_before));
  image.replace(0x24c, 4, bytes_of(static_cast<std::uint32_t>(payload.size())));
  return image + payload + std::string(900, '\x90');
}

// What the kernel's build appends to all but gzip: the length of what is packed.
std::string with_size(const std::string& packed, const std::string& text) {
  return packed + bytes_of(static_cast<std::uint32_t>(text.size()));
}

std::string error_of(const std::string& image, std::size_t limit = largest_kernel) {
  try {
    unpack_vmlinux(image, limit);
    return "no error";
  } catch (const InvalidError& e) {
    return e.what();
  }
}

TEST(Vmlinux, ComesOutOfEachKindOfBzImage) {
  const std::string kernel = elf_kernel();
  // The kernel's relocations, which are packed with it.
  const std::string packed = kernel + std::string(5000, '\x01');
  EXPECT_EQ(unpack_vmlinux(bzimage(gzipped(packed))), kernel);
  EXPECT_EQ(unpack_vmlinux(bzimage(with_size(xzed(packed), packed))), kernel);
  EXPECT_EQ(unpack_vmlinux(bzimage(with_size(lz4ed(packed), packed))), kernel);
  EXPECT_EQ(unpack_vmlinux(bzimage(with_size(zstded(packed), packed))), kernel);
  EXPECT_EQ(unpack_vmlinux(bzimage(packed)), kernel) << "CONFIG_KERNEL_UNCOMPRESSED";
}

TEST(Vmlinux, ComesOutOfOneLargerThanTheFirstRoomThatItGets) {
  std::string kernel = elf_kernel();
  const std::uint64_t bytes = std::size_t{40} << 20;  // of the segment, most of them zeros
  kernel.replace(sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), 8, bytes_of(bytes));
  kernel.resize(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + bytes);
  EXPECT_TRUE(unpack_vmlinux(bzimage(gzipped(kernel))) == kernel);
  EXPECT_TRUE(unpack_vmlinux(bzimage(with_size(lz4ed(kernel), kernel))) == kernel);
  EXPECT_TRUE(unpack_vmlinux(bzimage(with_size(zstded(kernel), kernel))) == kernel);
}

TEST(Vmlinux, SaysWhatIsWrongWithAnImage) {
  EXPECT_EQ(error_of("MZ"), "it is not a bzImage");
  EXPECT_EQ(error_of(""), "it is not a bzImage");
  std::string old = bzimage("x");
  old[0x206] = 7;
  old[0x207] = 2;
  EXPECT_EQ(error_of(old), "its boot protocol is older than 2.08 and does not say where the kernel is");
  std::string outside = bzimage(gzipped(elf_kernel()));
  outside.replace(0x24c, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(error_of(outside), "it is damaged: its payload is outside of the file");
  outside = bzimage(gzipped(elf_kernel()));
  outside.replace(0x248, 4, "\xff\xff\xff\xff");
  EXPECT_EQ(error_of(outside), "it is damaged: its payload is outside of the file");
  EXPECT_EQ(error_of(bzimage("BZh91AY&SY")), "its kernel is compressed by something else than gzip, xz, lz4 and zstd");
  EXPECT_EQ(error_of(bzimage(gzipped("a text"))),
            "what is packed in it is no kernel for a virtual machine: it is not an ELF file");
  std::string arm = elf_kernel();
  arm.replace(offsetof(Elf64_Ehdr, e_machine), 2, bytes_of(std::uint16_t{EM_AARCH64}));
  EXPECT_EQ(error_of(bzimage(zstded(arm))),
            "what is packed in it is no kernel for a virtual machine: it is not for x86_64");
  std::string cut = elf_kernel();
  cut.resize(cut.size() - 1);
  EXPECT_EQ(error_of(bzimage(gzipped(cut))),
            "what is packed in it is no kernel for a virtual machine: a segment is outside of it");
}

TEST(Vmlinux, StaysBelowItsLimit) {
  const std::string zeros(std::size_t{64} << 20, '\0');
  constexpr std::size_t limit = std::size_t{32} << 20;
  for (const auto& packed : {gzipped(zeros), xzed(zeros), lz4ed(zeros), zstded(zeros)})
    EXPECT_EQ(error_of(bzimage(packed), limit), "unpacked it would be larger than 32 MiB");
}

TEST(Vmlinux, IsNotReadFromAStreamThatIsCutOff) {
  const std::string kernel = elf_kernel(20'000);
  for (const auto& packed : {gzipped(kernel), xzed(kernel), lz4ed(kernel), zstded(kernel)})
    for (std::size_t length = 1; length < packed.size() - 4; length += 97)
      EXPECT_NE(error_of(bzimage(packed.substr(0, length))), "no error") << length;
}

// Whatever a bit does, it is an InvalidError or a kernel; under the sanitizers nothing is read outside.
TEST(Vmlinux, SurvivesBitsThatAreNotAsTheyWere) {
  const std::string kernel = elf_kernel(20'000);
  std::minstd_rand numbers(7);
  for (const auto& packed : {kernel, gzipped(kernel), with_size(xzed(kernel), kernel), with_size(lz4ed(kernel), kernel),
                             with_size(zstded(kernel), kernel)}) {
    const std::string whole = bzimage(packed);
    for (int round = 0; round < 300; ++round) {
      std::string image = whole;
      const std::size_t at = round < 100 ? 0x1f0 + numbers() % 0x60 : numbers() % image.size();
      image[at] = static_cast<char>(image[at] ^ (1 << numbers() % 8));
      static_cast<void>(error_of(image));
    }
  }
}

TEST(Vmlinux, IsWrittenForAVmmThatLoadsNothingElse) {
  const TemporaryDirectory place;
  const std::string kernel = elf_kernel();
  replace_file(place.path() / "bzImage", bzimage(gzipped(kernel)));
  copy_elf_kernel(place.path() / "bzImage", place.path() / "kernel");
  EXPECT_EQ(read_file(place.path() / "kernel"), kernel);
  copy_elf_kernel(place.path() / "kernel", place.path() / "again");
  EXPECT_EQ(read_file(place.path() / "again"), kernel);
  replace_file(place.path() / "bad", bzimage("BZh91AY&SY"));
  try {
    copy_elf_kernel(place.path() / "bad", place.path() / "none");
    FAIL() << "it was taken";
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "cannot unpack the kernel '" + (place.path() / "bad").string() +
                               "': its kernel is compressed by something else than gzip, xz, lz4 and zstd");
  }
  EXPECT_FALSE(std::filesystem::exists(place.path() / "none"));
}

}  // namespace
}  // namespace meros::machine
