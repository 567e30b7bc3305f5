#include "vmm/qemu/extra_args.h"

#include "base/text.h"

namespace meros::vmm::qemu {
namespace {

// QEMU takes one dash or two.
std::string option_of(std::string_view arg) {
  if (!arg.starts_with('-')) return {};
  arg.remove_prefix(arg.starts_with("--") ? 2 : 1);
  if (arg == "M") return "machine";
  if (arg == "enable-kvm") return "accel";
  return std::string(arg);
}

bool names_accel(std::string_view machine) {
  for (const auto& property : split(machine, ','))
    if (property.starts_with("accel=")) return true;
  return false;
}

}  // namespace

ExtraArgs::ExtraArgs(const std::vector<std::string>& args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string option = option_of(args[i]);
    if (option.empty()) continue;
    options_.insert(option);
    // QEMU refuses -accel together with it.
    if (option == "machine" && i + 1 < args.size() && names_accel(args[i + 1])) options_.insert("accel");
  }
}

}  // namespace meros::vmm::qemu
