#include "image/kernel_make.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "image/worker_environment.h"

namespace meros::image {
namespace {

// The kernel's name of the architecture.
std::string_view linux_arch(vmm::Arch arch) { return arch == vmm::Arch::x86_64 ? "x86_64" : "arm64"; }

// Programs, where they are, and how they reach the network; a user's make, git or compiler options are not among them.
bool is_passed_on(std::string_view variable) {
  constexpr std::array<std::string_view, 18> names = {
      "PATH",       "HOME",        "TMPDIR",    "LD_LIBRARY_PATH", "SSH_AUTH_SOCK",  "XDG_CACHE_HOME",
      "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",        "HTTP_PROXY",     "HTTPS_PROXY",
      "FTP_PROXY",  "NO_PROXY",    "ALL_PROXY", "all_proxy",       "GIT_SSL_CAINFO", "SSL_CERT_FILE"};
  const auto name = variable.substr(0, variable.find('='));
  return std::ranges::find(names, name) != names.end() || name.starts_with("CCACHE_");
}

}  // namespace

std::string cross_prefix(const KernelMake& make) {
  return make.arch == make.host ? "" : fmt::format("{}-linux-gnu-", to_string(make.arch));
}

std::vector<std::string> make_argv(const KernelMake& make, const std::vector<std::string>& targets) {
  const std::string cross = cross_prefix(make);
  std::vector<std::string> argv = {"make", "-C", make.source.string(), "O=" + make.objects.string(),
                                   fmt::format("ARCH={}", linux_arch(make.arch)),
                                   // Set and empty: nothing of a git tree's state goes into the version.
                                   "LOCALVERSION=", fmt::format("-j{}", make.jobs)};
  if (!cross.empty()) argv.push_back("CROSS_COMPILE=" + cross);
  if (make.ccache) {
    argv.push_back(fmt::format("CC=ccache {}gcc", cross));
    argv.emplace_back("HOSTCC=ccache gcc");
  }
  argv.insert(argv.end(), targets.begin(), targets.end());
  return argv;
}

std::vector<std::string> kernel_environment(const std::vector<std::string>& ours) {
  std::vector<std::string> environment;
  for (const auto& variable : ours)
    if (is_passed_on(variable)) environment.push_back(variable);
  const std::vector<std::string> same_for_everybody = {
      "LANG=C",
      "LC_ALL=C",
      "TZ=UTC",
      fmt::format("SOURCE_DATE_EPOCH={}", build_time),
      // build_time as date(1) writes it, which is how it stands in `uname -v`.
      "KBUILD_BUILD_TIMESTAMP=Sun Jan  1 00:00:00 UTC 2023",
      "KBUILD_BUILD_USER=meros",
      "KBUILD_BUILD_HOST=meros",
      "KBUILD_BUILD_VERSION=1",
      "GIT_TERMINAL_PROMPT=0",
      "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
  };
  environment.insert(environment.end(), same_for_everybody.begin(), same_for_everybody.end());
  return environment;
}

std::string kernel_file(vmm::Arch arch) { return arch == vmm::Arch::x86_64 ? "bzImage" : "Image"; }

std::filesystem::path made_kernel(vmm::Arch arch) {
  return arch == vmm::Arch::x86_64 ? "arch/x86/boot/bzImage" : "arch/arm64/boot/Image";
}

bool is_build_step(std::string_view line) {
  if (!line.starts_with("  ")) return false;
  line.remove_prefix(2);
  const auto word = line.substr(0, line.find(' '));
  return word.size() >= 2 && word.size() < line.size() &&
         std::ranges::all_of(word, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::uint64_t expected_steps(std::size_t options) { return 600 + options * 2; }

}  // namespace meros::image
