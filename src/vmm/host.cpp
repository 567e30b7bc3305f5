#include "vmm/host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace meros::vmm {
namespace {

// The one that Linux has had since 2.6.22 (Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION).
constexpr int kvm_api_version = 12;

// Why the device does not do, or nothing.
std::string why_not(const std::string& device) {
  const Fd kvm(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm) {
    const int error = errno;
    if (error == ENOENT)
      return device + " does not exist: the kernel has no KVM, or virtualization is switched off in the firmware";
    if (error == EACCES || error == EPERM)
      return device + " may not be opened by this user (it belongs to the group kvm on most hosts)";
    return fmt::format("{} cannot be opened: {}", device, std::strerror(error));
  }
  if (::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != kvm_api_version)
    return fmt::format("{} does not speak KVM's API of version {}", device, kvm_api_version);
  const Fd machine(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!machine) return fmt::format("{} opens, but makes no machine: {}", device, std::strerror(errno));
  return {};
}

bool has_word(std::string_view words, std::string_view wanted) {
  const auto all = split(words, ' ');
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

// "flags\t\t: fpu vme …", one line a CPU. Intel's "vmx flags" line is another one, and says nothing that this does not.
bool has_virtualization_flags(std::string_view cpuinfo) {
  for (const auto& line : split(cpuinfo, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || trim(std::string_view(line).substr(0, colon)) != "flags") continue;
    const auto flags = std::string_view(line).substr(colon + 1);
    if (has_word(flags, "vmx") || has_word(flags, "svm")) return true;
  }
  return false;
}

}  // namespace

KvmStatus probe_kvm(const std::string& cpuinfo_path, const std::string& device) {
  KvmStatus status;
  // Other architectures have no such flag: there the device is all the proof there is.
  status.cpu_flags = host_arch() != Arch::x86_64 ||
                     has_virtualization_flags(read_file_if_exists(cpuinfo_path).value_or(std::string{}));
  status.why = why_not(device);
  status.opens = status.why.empty();
  if (!status.opens) return status;
  status.why = status.cpu_flags ? device + " works"
                                : device +
                                      " opens, but the CPU has neither vmx nor svm: it is a software KVM, under "
                                      "which ordinary Linux guests crash or crawl";
  return status;
}

AccelChoice parse_accel(std::string_view text) {
  if (text == "auto") return AccelChoice::automatic;
  if (text == "kvm") return AccelChoice::kvm;
  if (text == "tcg") return AccelChoice::tcg;
  throw InvalidError(fmt::format("there is no accel '{}'", text), "auto, kvm or tcg");
}

Accel resolve_accel(AccelChoice choice, Arch guest, const KvmStatus& kvm) {
  if (choice == AccelChoice::automatic) {
    const char* wanted = std::getenv("MEROS_ACCEL");
    // Set and empty counts as unset, as a shell's `MEROS_ACCEL= meros …` means it.
    if (wanted != nullptr && *wanted != '\0') {
      try {
        choice = parse_accel(wanted);
      } catch (Error& e) {
        e.add_context("MEROS_ACCEL");
        throw;
      }
    }
  }
  if (choice == AccelChoice::kvm) return Accel::kvm;
  if (choice == AccelChoice::tcg) return Accel::tcg;
  return kvm.usable() && guest == host_arch() ? Accel::kvm : Accel::tcg;
}

}  // namespace meros::vmm
