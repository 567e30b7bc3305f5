// What the stand-in was told of its machine, under the real one's rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "fakes/firecracker/body.h"

namespace meros::fake {

// Every function throws Fault where the real one refuses.
class Resources {
 public:
  Resources();

  void update_machine_config(const Body& update);
  void set_boot_source(const Body& config);
  void insert_drive(const Body& config);
  void insert_network_interface(const Body& config);
  // After the start.
  void update_drive(const Body& update);
  void update_network_interface(const Body& update) const;

  // What InstanceStart checks. The kernel's content.
  std::string load_kernel() const;

  const Body& machine_config() const { return machine_config_; }
  Body full_config() const;

 private:
  struct Drive {
    Body config;
    Fd file;
  };
  struct NetworkInterface {
    Body config;
    Fd tap;
  };

  void check_devices() const;
  void check_kernel_args() const;

  Body machine_config_;
  std::optional<Body> boot_source_;
  std::vector<Drive> drives_;
  std::vector<NetworkInterface> network_interfaces_;
};

}  // namespace meros::fake
