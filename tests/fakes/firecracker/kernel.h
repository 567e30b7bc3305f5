// The guest's kernel, looked at as far as a stand-in needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meros::fake {

// The file's content. Throws Fault where it is no ELF64 image, is cut off, or does not fit into the memory.
std::string read_kernel(const std::string& path, std::uint64_t memory_mib);

// What the guest of a kernel does once it runs. The tests' own guests are known by what is in them; any other is
// silent and ends when asked to.
struct GuestProgram {
  bool says_ready = false;
  bool crashes = false;  // loads an empty interrupt table and faults
  bool floods = false;
  bool is_brief = false;  // ends by itself
  bool hears = true;      // its serial line and the keyboard
};
GuestProgram program_of(std::string_view kernel);

}  // namespace meros::fake
