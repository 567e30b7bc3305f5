// What the tests run: the programs of this build and the guests assembled for it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace meros::test {

std::filesystem::path meros_program();       // build/bin/meros
std::filesystem::path mergenc_program();     // build/bin/mergenc
std::filesystem::path supervisor_program();  // build/bin/meros-supervisor

enum class Guest {
  tiny,     // says that it is ready, echoes its serial line, stops on Ctrl+Alt+Del or the power button; polls
  halt,     // the same, asleep between looks
  halt_pc,  // the same, for QEMU's q35 (the others boot on microvm)
  deaf,     // says that it is ready, and does not stop when it is asked to
  brief,    // says that it is ready and ends by itself
  crash,    // says that it is ready and dies of a triple fault
  flood,    // numbered lines of 64 bytes as fast as it can
};
std::filesystem::path kernel_of(Guest guest);

constexpr auto ready_line = "meros tiny guest ready";
constexpr auto stop_line = "meros tiny guest stops";

// The stand-in for Firecracker.
std::filesystem::path fake_firecracker();
// The real one, where $MEROS_TEST_FIRECRACKER names it.
std::optional<std::filesystem::path> real_firecracker();

}  // namespace meros::test
