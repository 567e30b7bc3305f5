// What meros needs of a host: each requirement looked at by itself, with what mends it. Shown by `meros doctor`.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/home.h"
#include "vmm/host.h"
#include "vmm/spec.h"

namespace meros::cli {

struct Check {
  enum class Status {
    ok,
    degraded,  // works, but worse or not for everything
    missing,
  };
  std::string id;  // stable: scripts read it
  std::string title;
  Status status = Status::ok;
  std::string detail = {};  // what was found
  std::string remedy = {};  // the command that mends it, or what to do; empty when it is ok or nothing mends it
  bool required = false;    // no machine runs while it is missing
};
std::string_view to_string(Check::Status status);

// Where the checks look and whom they ask; tests give files and answers of their own.
struct HostView {
  std::filesystem::path proc = "/proc";
  std::filesystem::path dev = "/dev";
  std::filesystem::path etc = "/etc";
  std::filesystem::path boot = "/boot";
  vmm::Arch arch = vmm::Arch::x86_64;
  std::string kernel_release;  // "6.1.0-13-amd64", uname(2)
  bool is_root = false;        // effectively, now
  uid_t user_id = 0;           // who called, below sudo too
  std::string user_name;
  std::function<std::optional<std::string>(const std::string& program)> find_program;
  std::function<std::string(const std::string& path)> version_line;  // throws Error where the program does not run
  std::function<bool(const std::string& library)> has_library;
};
HostView this_host();

// The command with "sudo " before it, unless we are root.
std::string as_root(const HostView& host, const std::string& command);

Check check_kvm(const HostView& host);
// Whether and by what `create` without --driver and --accel would run a machine, and why.
Check check_driver(const HostView& host, const vmm::KvmStatus& kvm);
// The same for mergenc, which takes Firecracker and nothing else.
Check check_firecracker_only(const HostView& host, const vmm::KvmStatus& kvm);
std::vector<Check> check_programs(const HostView& host);
Check check_supervisor(const std::filesystem::path& supervisor);

// `clone_error`: why the kernel would not make a user namespace when it was tried, or "".
Check check_user_namespaces(const HostView& host, const std::string& clone_error);
std::string try_user_namespace();
Check check_subordinate_ids(const HostView& host);
Check check_overlayfs(const HostView& host);
Check check_fuse(const HostView& host);
// Whether programs of the architecture that is not the host's run, by an emulator.
Check check_foreign_programs(const HostView& host);

Check check_tun(const HostView& host);
Check check_forwarding(const HostView& host);
Check check_bridge_filter(const HostView& host);

// Of a directory that may not be there yet: then of the nearest one above it.
Check check_data_directory(const HostView& host, const std::filesystem::path& directory);
Check check_disk_space(const std::filesystem::path& directory);
Check check_reflink(const std::filesystem::path& directory);

}  // namespace meros::cli
