#include "support/programs.h"

#include <cstdlib>

namespace meros::test {
namespace {

const std::filesystem::path build = MEROS_BINARY_DIR;

}  // namespace

std::filesystem::path meros_program() { return build / "bin/meros"; }
std::filesystem::path mergenc_program() { return build / "bin/mergenc"; }
std::filesystem::path supervisor_program() { return build / "bin/meros-supervisor"; }

std::filesystem::path kernel_of(Guest guest) {
  const auto directory = build / "tests/guests";
  switch (guest) {
    case Guest::tiny:
      return directory / "tiny.elf";
    case Guest::halt:
      return directory / "halt.elf";
    case Guest::halt_pc:
      return directory / "halt-pc.elf";
    case Guest::deaf:
      return directory / "deaf.elf";
    case Guest::brief:
      return directory / "brief.elf";
    case Guest::crash:
      return directory / "crash.elf";
    case Guest::flood:
      return directory / "flood.elf";
  }
  return {};
}

std::filesystem::path fake_firecracker() { return build / "tests/fakes/firecracker"; }

std::optional<std::filesystem::path> real_firecracker() {
  const char* path = std::getenv("MEROS_TEST_FIRECRACKER");
  if (path == nullptr || *path == '\0') return std::nullopt;
  return path;
}

}  // namespace meros::test
