#include "vmm/qemu/last_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/bounded_log.h"
#include "base/text.h"

namespace meros::vmm::qemu {
namespace {

enum class Meaning { plain, host_lacks, busy, invalid };

struct Known {
  std::string_view words;
  Meaning meaning;
  std::string_view hint;
};

// The words of QEMU 7.2, of which the first that are found count.
constexpr std::array known = {
    Known{"Could not access KVM kernel module", Meaning::host_lacks,
          "use accel tcg, or let the machine's user open /dev/kvm; `meros doctor` tells more"},
    Known{"failed to initialize kvm", Meaning::host_lacks, "use accel tcg; `meros doctor` tells more"},
    Known{"Is another process using the image", Meaning::busy, "stop the machine that has it"},
    Known{"Address already in use", Meaning::busy, ""},
    Known{"cannot set up guest memory", Meaning::host_lacks, "give the machine less memory"},
    Known{"-sandbox support is not enabled", Meaning::host_lacks,
          "this QEMU was built without seccomp: take the distribution's"},
    Known{"without PVH ELF Note", Meaning::invalid, "use a bzImage (vmlinuz), or a vmlinux built with CONFIG_PVH"},
    Known{"Error while loading elf kernel", Meaning::invalid, "the kernel is damaged, or of another architecture"},
    Known{"could not load kernel", Meaning::invalid, ""},
    Known{"not a valid device model name", Meaning::host_lacks,
          "this QEMU lacks the device: a package of its modules may have it"},
    Known{"No space left on device", Meaning::plain, "free some space on that disk"},
};

bool is_warning(std::string_view line) { return line.starts_with("warning:") || line.starts_with("info:"); }

// "/dev/fdset/7" means nothing to a person.
std::string with_paths(std::string text, const Plan& plan) {
  constexpr std::string_view prefix = "/dev/fdset/";
  for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
    const auto digits = at + prefix.size();
    const auto end = std::min(text.find_first_not_of("0123456789", digits), text.size());
    const auto number = parse_unsigned(std::string_view(text).substr(digits, end - digits));
    for (const auto& descriptor : plan.descriptors)
      if (number && std::cmp_equal(descriptor.target, *number)) {
        text.replace(at, end - at, descriptor.path);
        break;
      }
  }
  return text;
}

std::string without_name(std::string_view line, std::string_view binary) {
  const auto slash = binary.rfind('/');
  const auto own = slash == std::string_view::npos ? binary : binary.substr(slash + 1);
  for (const auto name : {own, std::string_view("qemu")})
    if (line.starts_with(name) && line.substr(name.size()).starts_with(": "))
      return std::string(line.substr(name.size() + 2));
  return std::string(line);
}

std::string ascii(std::string text) {
  // It travels as JSON, and QEMU may quote any bytes.
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

[[noreturn]] void throw_as(Meaning meaning, std::string message, std::string hint) {
  switch (meaning) {
    case Meaning::host_lacks:
      throw HostError(std::move(message), std::move(hint));
    case Meaning::busy:
      throw BusyError(std::move(message), std::move(hint));
    case Meaning::invalid:
      throw InvalidError(std::move(message), std::move(hint));
    case Meaning::plain:
      break;
  }
  throw Error(std::move(message), std::move(hint));
}

}  // namespace

std::string last_words(std::string_view log, const Plan& plan) {
  constexpr std::size_t most_lines = 5;
  constexpr std::size_t most_bytes = 1000;
  std::vector<std::string> lines;
  std::vector<std::string> warnings;
  for (const auto& raw : split(last_lines(log, 100), '\n')) {
    const std::string line = ascii(without_name(trim(raw), plan.argv.at(0)));
    if (!line.empty()) (is_warning(line) ? warnings : lines).push_back(line);
  }
  if (lines.empty()) lines = std::move(warnings);
  if (lines.size() > most_lines) lines.erase(lines.begin(), lines.end() - most_lines);
  return with_paths(join(lines, "; ").substr(0, most_bytes), plan);
}

void throw_ending(const ExitStatus& status, std::string_view log, const Plan& plan) {
  const std::string words = last_words(log, plan);
  std::string message = "qemu ended with " + status.describe();
  if (!words.empty()) message += ": " + words;
  if (status.signal == SIGSYS)
    throw Error(message, "its sandbox forbade a system call: qemu_args: [\"-sandbox\", \"off\"] lifts it");
  for (const auto& one : known)
    if (words.find(one.words) != std::string::npos) throw_as(one.meaning, message, std::string(one.hint));
  throw Error(message);
}

}  // namespace meros::vmm::qemu
