#include "vmm/firecracker/driver.h"

#include "vmm/firecracker/config.h"
#include "vmm/firecracker/process.h"

namespace meros::vmm::firecracker {
namespace {

class FirecrackerDriver : public Driver {
 public:
  std::string_view name() const override { return "firecracker"; }
  std::string default_binary(Arch) const override { return "firecracker"; }
  std::string_view pid_file() const override { return "firecracker.pid"; }
  std::string_view socket_file() const override { return socket_name; }
  std::string_view log_file() const override { return "firecracker.log"; }
  std::string_view display_socket() const override { return ""; }

  Capabilities capabilities() const override {
    Capabilities capabilities;
    capabilities.architectures = {host_arch()};
    capabilities.elf_kernel = true;
    return capabilities;
  }

  void validate(const Spec& spec) const override { firecracker::validate(spec); }
  Plan plan(const Spec& spec, const std::string& binary) const override { return make_plan(spec, binary); }

  std::unique_ptr<Vmm> launch(const Spec& spec, const std::string& binary, const Site& site) const override {
    validate(spec);
    return firecracker::launch(make_plan(spec, binary), spec, site);
  }
};

}  // namespace

const Driver& driver() {
  static const FirecrackerDriver firecracker;
  return firecracker;
}

}  // namespace meros::vmm::firecracker
