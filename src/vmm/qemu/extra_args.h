// What a user's own arguments for QEMU replace of ours.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace meros::vmm::qemu {

class ExtraArgs {
 public:
  explicit ExtraArgs(const std::vector<std::string>& args);

  // `option` without its dash: "machine" for -machine, --machine and -M alike; "accel" also for -enable-kvm and for
  // -machine …,accel=….
  bool replaces(std::string_view option) const { return options_.contains(std::string(option)); }

 private:
  std::set<std::string> options_;
};

}  // namespace meros::vmm::qemu
