// What a system says of itself that was not built here. Nothing of it is trusted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "image/root_tree.h"
#include "vmm/spec.h"

namespace meros::image {

// os-release(5).
struct SystemName {
  std::string id;       // "debian"; empty where it does not say
  std::string release;  // "bookworm", else "12"
};
// Pure. A value that could not be a name (it may become one of a user) is passed over.
SystemName parse_os_release(std::string_view text);

bool is_system_root(const RootTree& root);
SystemName system_name(const RootTree& root);
// Of its programs; nothing where it has none that we know.
std::optional<vmm::Arch> architecture_of(const RootTree& root);
// The newest kernel in its /boot and the initrd for it, as paths in the root.
struct BootFiles {
  std::string kernel;
  std::string initrd;  // empty: there is none
};
std::optional<BootFiles> boot_files(const RootTree& root);

}  // namespace meros::image
