#include "image/brought_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "image/byte_order.h"

namespace meros::image {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t longest_word = 32;
// e_machine of elf(5).
constexpr std::uint64_t elf_x86_64 = 62;
constexpr std::uint64_t elf_aarch64 = 183;

std::string word_of(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  const bool good = !value.empty() && value.size() <= longest_word && std::ranges::all_of(value, is_good);
  return good ? std::string(value) : "";
}

std::string head_of(const RootTree& root, const std::string& path) {
  std::string head(64, '\0');
  const Fd file = root.open(path, O_RDONLY | O_NONBLOCK);
  const ssize_t n = ::pread(file.get(), head.data(), head.size(), 0);
  head.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return head;
}

}  // namespace

SystemName parse_os_release(std::string_view text) {
  SystemName name;
  std::string version;
  for (const auto& line : split(text, '\n')) {
    const std::string_view entry = trim(line);
    const auto value = [&](std::string_view key) { return word_of(entry.substr(key.size())); };
    if (entry.starts_with("ID=")) name.id = value("ID=");
    if (entry.starts_with("VERSION_CODENAME=")) name.release = value("VERSION_CODENAME=");
    if (entry.starts_with("VERSION_ID=")) version = value("VERSION_ID=");
  }
  if (name.release.empty()) name.release = version;
  // useradd(8) wants a letter first.
  if (name.id.empty() || name.id.front() < 'a' || name.id.front() > 'z') name.id.clear();
  return name;
}

bool is_system_root(const RootTree& root) {
  return (root.exists("/etc/os-release") || root.exists("/usr/lib/os-release")) && root.exists("/etc/passwd");
}

SystemName system_name(const RootTree& root) {
  const std::string text = root.exists("/etc/os-release") ? root.read("/etc/os-release") : "";
  return parse_os_release(text.empty() ? root.read("/usr/lib/os-release") : text);
}

std::optional<vmm::Arch> architecture_of(const RootTree& root) {
  for (const auto* program : {"/bin/sh", "/usr/bin/env", "/sbin/init"}) {
    if (!root.exists(program)) continue;
    const std::string head = head_of(root, program);
    if (!has_at(head, 0,
                "\x7f"
                "ELF"sv))
      continue;
    const std::uint64_t machine = little_endian(head, 18, 2);
    if (machine == elf_x86_64) return vmm::Arch::x86_64;
    if (machine == elf_aarch64) return vmm::Arch::aarch64;
  }
  return std::nullopt;
}

std::optional<BootFiles> boot_files(const RootTree& root) {
  constexpr std::string_view prefix = "vmlinuz-";
  std::optional<std::string> newest;
  for (const auto& file : root.list("/boot")) {
    if (!file.starts_with(prefix)) continue;
    const std::string version = file.substr(prefix.size());
    if (!newest || ::strverscmp(newest->c_str(), version.c_str()) < 0) newest = version;
  }
  if (!newest) return std::nullopt;
  const std::string initrd = "/boot/initrd.img-" + *newest;
  return BootFiles{"/boot/vmlinuz-" + *newest, root.exists(initrd) ? initrd : ""};
}

}  // namespace meros::image
