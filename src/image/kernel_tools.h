// The programs and headers that a kernel is built with: which of them the host lacks, and which compiler it has.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "image/kernel_config.h"
#include "image/kernel_make.h"

namespace meros::image {

struct KernelTool {
  std::string name;     // a program, or a header ("libelf.h")
  std::string package;  // Debian's
  bool operator==(const KernelTool&) const = default;
};

enum class SourceKind { git, tarball, directory };
// All that is needed before there is a config. Pure.
std::vector<KernelTool> tools_for(const KernelMake& make, SourceKind source);
// What a config needs besides: the program that compresses the kernel, headers of libraries.
std::vector<KernelTool> tools_for(const KernelConfig& config);

// HostError that names each that `has` does not find, and the packages to install.
void require_tools(const std::vector<KernelTool>& tools, const std::function<bool(const KernelTool&)>& has);
// As the host has it: programs by PATH, headers by the compiler.
bool host_has(const KernelTool& tool);

// The first lines of what compiler and linker say of their versions: another one makes another kernel.
struct Compiler {
  std::string title;     // "gcc (Debian 12.2.0-14) 12.2.0"
  std::string identity;  // with the linker's
};
Compiler compiler_of(const KernelMake& make);

}  // namespace meros::image
