#include "image/kernel_tools.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"

namespace meros::image {
namespace {

// Debian's cross compilers: "gcc-aarch64-linux-gnu", "gcc-x86-64-linux-gnu".
std::string cross_package(const std::string& prefix, const std::string& what) {
  std::string triplet = prefix.substr(0, prefix.size() - 1);
  std::ranges::replace(triplet, '_', '-');
  return what + "-" + triplet;
}

std::string first_line(const std::vector<std::string>& argv) {
  Command command;
  command.argv = argv;
  command.environment = {"LC_ALL=C"};
  const Output output = run(std::move(command), {}, Deadline::after(std::chrono::minutes(1)));
  if (!output.status.success())
    throw HostError(fmt::format("'{}' does not run: it ended with {}", argv.front(), output.status.describe()),
                    "install it anew");
  return std::string(trim(output.out.substr(0, output.out.find('\n'))));
}

bool compiles(const std::string& header) {
  Command command;
  command.argv = {"gcc", "-fsyntax-only", "-x", "c", "-"};
  return run(std::move(command), fmt::format("#include <{}>\n", header), Deadline::after(std::chrono::minutes(1)))
      .status.success();
}

void add_once(std::vector<std::string>& list, const std::string& word) {
  if (std::ranges::find(list, word) == list.end()) list.push_back(word);
}

}  // namespace

std::vector<KernelTool> tools_for(const KernelMake& make, SourceKind source) {
  std::vector<KernelTool> tools = {{"make", "make"},   {"gcc", "gcc"}, {"ld", "binutils"}, {"flex", "flex"},
                                   {"bison", "bison"}, {"bc", "bc"},   {"perl", "perl"},   {"cmp", "diffutils"}};
  if (const std::string cross = cross_prefix(make); !cross.empty()) {
    tools.push_back({cross + "gcc", cross_package(cross, "gcc")});
    tools.push_back({cross + "ld", cross_package(cross, "binutils")});
  }
  // objtool reads what the compiler made; only x86_64 has it.
  if (make.arch == vmm::Arch::x86_64) tools.push_back({"libelf.h", "libelf-dev"});
  if (source == SourceKind::git) tools.push_back({"git", "git"});
  if (source == SourceKind::tarball) tools.push_back({"tar", "tar"});
  return tools;
}

std::vector<KernelTool> tools_for(const KernelConfig& config) {
  std::vector<KernelTool> tools;
  const auto needs = [&](std::string_view option, KernelTool tool) {
    const auto found = config.find(option);
    if (found != config.end() && found->second == "y") tools.push_back(std::move(tool));
  };
  needs("KERNEL_XZ", {"xz", "xz-utils"});
  needs("KERNEL_ZSTD", {"zstd", "zstd"});
  needs("KERNEL_LZ4", {"lz4", "lz4"});
  needs("KERNEL_LZO", {"lzop", "lzop"});
  needs("KERNEL_BZIP2", {"bzip2", "bzip2"});
  needs("KERNEL_LZMA", {"lzma", "xz-utils"});
  needs("DEBUG_INFO_BTF", {"pahole", "dwarves"});
  needs("SYSTEM_TRUSTED_KEYRING", {"openssl/ssl.h", "libssl-dev"});
  needs("MODULE_SIG", {"openssl/ssl.h", "libssl-dev"});
  return tools;
}

void require_tools(const std::vector<KernelTool>& tools, const std::function<bool(const KernelTool&)>& has) {
  std::vector<std::string> missing;
  std::vector<std::string> packages;
  for (const auto& tool : tools) {
    if (has(tool)) continue;
    add_once(missing, tool.name);
    add_once(packages, tool.package);
  }
  if (missing.empty()) return;
  throw HostError(fmt::format("building a kernel needs {}, which {} not installed", join(missing, ", "),
                              missing.size() == 1 ? "is" : "are"),
                  fmt::format("apt-get install {}", join(packages, " ")));
}

bool host_has(const KernelTool& tool) {
  if (!tool.name.ends_with(".h")) return find_program(tool.name).has_value();
  // Without a compiler that is what is missing.
  return !find_program("gcc") || compiles(tool.name);
}

Compiler compiler_of(const KernelMake& make) {
  const std::string prefix = cross_prefix(make);
  Compiler compiler;
  compiler.title = first_line({prefix + "gcc", "--version"});
  compiler.identity = compiler.title + "\n" + first_line({prefix + "ld", "--version"});
  return compiler;
}

}  // namespace meros::image
