#include "fakes/firecracker/kernel.h"

#include <elf.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "fakes/firecracker/fault.h"

namespace meros::fake {
namespace {

constexpr std::size_t max_kernel = std::size_t{256} << 20;

[[noreturn]] void refuse(const std::string& why) {
  throw Fault(
      "Start microvm error: System configuration error: Cannot load kernel due to invalid memory configuration or "
      "invalid kernel image: Kernel Loader: failed to load ELF kernel image: Kernel Loader: " +
      why);
}

std::string content_of(const std::string& path) {
  try {
    return read_all(open_file(path, O_RDONLY), max_kernel);
  } catch (const Error&) {
    refuse("Unable to read elf header");  // a directory, say
  }
}

// Every segment is in the file, and in the memory.
void check_segments(std::string_view kernel, const Elf64_Ehdr& header, std::uint64_t memory) {
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const std::uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment{};
    if (at > kernel.size() || kernel.size() - at < sizeof segment) refuse("Unable to read program header");
    std::memcpy(&segment, kernel.data() + at, sizeof segment);
    if (segment.p_type != PT_LOAD) continue;
    const bool in_file = segment.p_offset <= kernel.size() && segment.p_filesz <= kernel.size() - segment.p_offset;
    const bool in_memory = segment.p_paddr <= memory && segment.p_memsz <= memory - segment.p_paddr;
    if (!in_file || !in_memory) refuse("Unable to read kernel image");
  }
}

// lidt of an absolute address, then ud2: with nothing in the table the processor shuts down.
bool faults_without_handlers(std::string_view kernel) {
  constexpr std::string_view lidt("\x0f\x01\x1d", 3);
  constexpr std::string_view ud2("\x0f\x0b", 2);
  constexpr std::size_t address = 4;
  for (auto at = kernel.find(lidt); at != std::string_view::npos; at = kernel.find(lidt, at + 1))
    if (kernel.size() - at > lidt.size() + address && kernel.substr(at + lidt.size() + address).starts_with(ud2))
      return true;
  return false;
}

}  // namespace

std::string read_kernel(const std::string& path, std::uint64_t memory_mib) {
  std::string kernel = content_of(path);
  Elf64_Ehdr header{};
  if (kernel.size() < sizeof header) refuse("Unable to read elf header");
  std::memcpy(&header, kernel.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) refuse("Invalid ELF magic number");
  constexpr std::uint64_t most = std::uint64_t{1} << 40;  // MiB, so that no size overflows
  check_segments(kernel, header, std::min(memory_mib, most) << 20);
  return kernel;
}

GuestProgram program_of(std::string_view kernel) {
  const auto has = [&](std::string_view text) { return kernel.find(text) != std::string_view::npos; };
  GuestProgram program;
  program.says_ready = has("meros tiny guest ready\n");
  program.crashes = program.says_ready && faults_without_handlers(kernel);
  program.is_brief = program.says_ready && has("meros tiny guest ends by itself\n");
  program.floods = program.says_ready && has(" the quick brown fox jumps over the lazy dog and hides.\n");
  program.hears = !program.says_ready || has("meros tiny guest stops\n");
  return program;
}

}  // namespace meros::fake
