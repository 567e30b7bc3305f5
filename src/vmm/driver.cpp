#include "vmm/driver.h"

#include <fmt/format.h>

#include "base/error.h"
#include "vmm/firecracker/driver.h"
#include "vmm/qemu/driver.h"

namespace meros::vmm {

std::string_view to_string(StopRequest request) {
  switch (request) {
    case StopRequest::none:
      return "none";
    case StopRequest::ctrl_alt_del:
      return "ctrl-alt-del";
    case StopRequest::acpi_powerdown:
      return "acpi-powerdown";
  }
  return "none";
}

const std::vector<const Driver*>& all_drivers() {
  static const std::vector<const Driver*> drivers = {&firecracker::driver(), &qemu::driver()};
  return drivers;
}

const Driver& driver_named(std::string_view name) {
  for (const Driver* driver : all_drivers())
    if (driver->name() == name) return *driver;
  throw InvalidError(fmt::format("there is no driver '{}'", name), "firecracker or qemu");
}

}  // namespace meros::vmm
