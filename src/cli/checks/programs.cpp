#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/checks/check.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

enum class Ask { presence, version };

struct Program {
  const char* name;
  const char* package;  // Debian's
  const char* purpose;  // what does not work without it
  Ask ask = Ask::presence;
};

// The host's own architecture comes first.
std::vector<Program> qemu_programs(vmm::Arch arch) {
  const Program x86{"qemu-system-x86_64", "qemu-system-x86", "x86_64 machines on QEMU", Ask::version};
  const Program arm{"qemu-system-aarch64", "qemu-system-arm", "aarch64 machines on QEMU", Ask::version};
  return arch == vmm::Arch::x86_64 ? std::vector{x86, arm} : std::vector{arm, x86};
}

constexpr Program other_programs[] = {
    {"qemu-img", "qemu-utils", "qcow2 disks"},
    {"dnsmasq", "dnsmasq-base", "addresses and names in a constellation"},
    {"nft", "nftables", "the rules of a constellation's network"},
    {"pasta", "passt", "a way out of a constellation without root"},
    {"mmdebstrap", "mmdebstrap", "building Debian and Ubuntu images"},
    {"mke2fs", "e2fsprogs", "building images, and data disks"},
    {"qemu-storage-daemon", "qemu-system-common", "changing existing images (build --use)"},
    {"fuse2fs", "fuse2fs", "changing existing images (build --use) quickly"},
    {"ssh", "openssh-client", "connect and exec"},
    {"rsync", "rsync", "push and pull"},
    {"waypipe", "waypipe", "graphical applications of a machine"},
};

Check check_program(const HostView& host, const Program& program) {
  Check check{.id = program.name, .title = program.name};
  const auto path = host.find_program(program.name);
  if (!path) {
    check.status = Check::Status::missing;
    check.detail = fmt::format("not installed; needed for {}", program.purpose);
    check.remedy = as_root(host, fmt::format("apt-get install {}", program.package));
    return check;
  }
  check.detail = *path;
  if (program.ask == Ask::presence) return check;
  try {
    check.detail = fmt::format("{} ({})", host.version_line(*path), *path);
  } catch (const Error& e) {
    check.status = Check::Status::missing;
    check.detail = fmt::format("does not run: {}", e.message());
    check.remedy = as_root(host, fmt::format("apt-get install --reinstall {}", program.package));
  }
  return check;
}

Check check_firecracker(const HostView& host) {
  Check check = check_program(host, {"firecracker", "", "machines on Firecracker", Ask::version});
  check.title = "Firecracker";
  if (check.status != Check::Status::ok)
    check.remedy = "put the program from https://github.com/firecracker-microvm/firecracker/releases into PATH";
  return check;
}

Check check_library(const HostView& host, Program library, std::string title) {
  Check check{.id = library.name, .title = std::move(title), .detail = "installed"};
  check.id = check.id.substr(0, check.id.find(".so"));
  if (host.has_library(library.name)) return check;
  check.status = Check::Status::missing;
  check.detail = fmt::format("not installed; needed for {}", library.purpose);
  check.remedy = as_root(host, fmt::format("apt-get install {}", library.package));
  return check;
}

// It boots a kernel of the host's, as the user who asks.
Check check_libguestfs(const HostView& host) {
  Check check = check_library(host, {"libguestfs.so.0", "libguestfs0", "images that are not plain ext4 (build --use)"},
                              "libguestfs");
  if (check.status != Check::Status::ok) return check;
  bool any = false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(host.boot, error)) {
    if (!entry.path().filename().string().starts_with("vmlinuz")) continue;
    any = true;
    if (::access(entry.path().c_str(), R_OK) == 0) return check;
  }
  check.status = Check::Status::degraded;
  check.detail = any ? fmt::format("installed, but this user may not read the kernel in {}", host.boot.string())
                     : fmt::format("installed, but there is no kernel in {}", host.boot.string());
  const char* package = host.arch == vmm::Arch::x86_64 ? "linux-image-amd64" : "linux-image-arm64";
  check.remedy = as_root(host, any ? fmt::format("chmod a+r {}/vmlinuz-*", host.boot.string())
                                   : fmt::format("apt-get install {}", package));
  return check;
}

}  // namespace

std::vector<Check> check_programs(const HostView& host) {
  std::vector<Check> checks;
  for (const Program& program : qemu_programs(host.arch)) checks.push_back(check_program(host, program));
  checks.push_back(check_firecracker(host));
  for (const Program& program : other_programs) checks.push_back(check_program(host, program));
  checks.push_back(check_library(host, {"libcurl.so.4", "libcurl4", "downloads"}, "libcurl"));
  checks.push_back(check_libguestfs(host));
  return checks;
}

Check check_supervisor(const fs::path& supervisor) {
  Check check{.id = "meros-supervisor", .title = "meros-supervisor", .detail = supervisor.string(), .required = true};
  if (fs::is_regular_file(supervisor) && ::access(supervisor.c_str(), X_OK) == 0) return check;
  check.status = Check::Status::missing;
  check.detail = supervisor.empty() ? "not found" : fmt::format("'{}' is not a program", supervisor.string());
  check.remedy = "install meros whole, or name the program in MEROS_SUPERVISOR";
  return check;
}

}  // namespace meros::cli
