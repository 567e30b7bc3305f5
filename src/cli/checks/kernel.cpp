#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/checks/check.h"
#include "image/foreign_arch.h"

namespace fs = std::filesystem;

namespace meros::cli {
namespace {

// What a rootless image build maps: ids 1 upward of a Debian system (design of user namespaces, user_namespaces(7)).
constexpr std::uint64_t wanted_ids = 65536;
constexpr unsigned overlay_in_user_namespaces_since[] = {5, 11};

// A sysctl's value, or nothing where the kernel has none of that name.
std::optional<std::string> sysctl(const HostView& host, const std::string& path) {
  const auto text = read_file_if_exists(host.proc / "sys" / path);
  return text ? std::optional(std::string(trim(*text))) : std::nullopt;
}

// The largest range in /etc/subuid or /etc/subgid of a user: lines "name-or-uid:first:count", subuid(5).
std::uint64_t largest_range(const fs::path& file, const HostView& host) {
  std::uint64_t largest = 0;
  for (const std::string& line : split(read_file_if_exists(file).value_or(""), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3) continue;
    if (fields[0] != host.user_name && fields[0] != std::to_string(host.user_id)) continue;
    largest = std::max(largest, parse_unsigned(trim(fields[2])).value_or(0));
  }
  return largest;
}

bool is_at_least(const std::string& release, const unsigned (&wanted)[2]) {
  const auto parts = split(release, '.');
  const auto major = parse_unsigned(parts[0]).value_or(0);
  const auto minor_text = parts.size() > 1 ? parts[1].substr(0, parts[1].find_first_not_of("0123456789")) : "";
  const auto minor = parse_unsigned(minor_text).value_or(0);
  return major > wanted[0] || (major == wanted[0] && minor >= wanted[1]);
}

}  // namespace

std::string try_user_namespace() {
  Command command;
  command.argv = {"/bin/true"};
  command.namespaces = CLONE_NEWUSER;
  command.uid_map = fmt::format("0 {} 1\n", ::geteuid());
  command.gid_map = fmt::format("0 {} 1\n", ::getegid());
  try {
    const ExitStatus status = spawn(command).wait();
    return status.success() ? "" : status.describe();
  } catch (const Error& e) {
    return e.message();
  }
}

Check check_user_namespaces(const HostView& host, const std::string& clone_error) {
  Check check{.id = "user-namespaces", .title = "user namespaces"};
  const auto forbid = [&](Check::Status status, std::string detail, const std::string& setting) {
    check.status = status;
    check.detail = std::move(detail);
    check.remedy = as_root(host, "sysctl -w " + setting);
    return check;
  };
  if (sysctl(host, "user/max_user_namespaces") == "0")
    return forbid(Check::Status::missing, "user.max_user_namespaces is 0: no user may make any",
                  "user.max_user_namespaces=15000");
  if (sysctl(host, "kernel/unprivileged_userns_clone") == "0")
    return forbid(Check::Status::missing, "kernel.unprivileged_userns_clone is 0: only root may make them",
                  "kernel.unprivileged_userns_clone=1");
  if (sysctl(host, "kernel/apparmor_restrict_unprivileged_userns") == "1")
    return forbid(
        Check::Status::degraded,
        "kernel.apparmor_restrict_unprivileged_userns is 1: those that a user makes have no privileges inside",
        "kernel.apparmor_restrict_unprivileged_userns=0");
  if (!clone_error.empty()) {
    check.status = Check::Status::missing;
    check.detail = clone_error;
    check.remedy = "a kernel with CONFIG_USER_NS, and in a container one that may make them";
    return check;
  }
  check.detail = host.is_root ? "can be made (tried as root; nothing forbids them to users)" : "can be made";
  return check;
}

Check check_subordinate_ids(const HostView& host) {
  Check check{.id = "subordinate-ids", .title = "subordinate ids"};
  if (host.user_id == 0) {
    check.detail = "root needs none";
    return check;
  }
  const auto uids = largest_range(host.etc / "subuid", host);
  const auto gids = largest_range(host.etc / "subgid", host);
  check.detail = fmt::format("{} uids and {} gids for {}", uids, gids, host.user_name);
  if (uids < wanted_ids || gids < wanted_ids) {
    check.status = Check::Status::missing;
    check.detail += fmt::format("; building images without root takes {} of each", wanted_ids);
    check.remedy = as_root(
        host, fmt::format("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", host.user_name));
  } else if (!host.find_program("newuidmap") || !host.find_program("newgidmap")) {
    check.status = Check::Status::missing;
    check.detail += ", but newuidmap and newgidmap are not installed";
    check.remedy = as_root(host, "apt-get install uidmap");
  }
  return check;
}

Check check_overlayfs(const HostView& host) {
  Check check{.id = "overlayfs", .title = "overlayfs without root"};
  check.detail = "Linux " + host.kernel_release;
  if (is_at_least(host.kernel_release, overlay_in_user_namespaces_since)) return check;
  check.status = Check::Status::missing;
  check.detail += ", but mounting it in a user namespace takes 5.11: images are built as root only";
  check.remedy = "a newer kernel";
  return check;
}

Check check_fuse(const HostView& host) {
  const fs::path device = host.dev / "fuse";
  Check check{.id = "fuse", .title = "FUSE", .detail = device.string() + " opens"};
  if (const Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC)); fd) return check;
  check.status = Check::Status::missing;
  const bool absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
  check.detail = fmt::format("{} {}; needed to change existing images (build --use)", device.string(),
                             absent ? "does not exist" : "may not be opened by this user");
  check.remedy = as_root(host, absent ? "modprobe fuse" : fmt::format("chmod 0666 {}", device.string()));
  return check;
}

Check check_foreign_programs(const HostView& host) {
  const auto foreign = host.arch == vmm::Arch::x86_64 ? vmm::Arch::aarch64 : vmm::Arch::x86_64;
  Check check{.id = "foreign-programs", .title = fmt::format("programs of {}", to_string(foreign))};
  const auto why = image::why_not_runnable(foreign, host.proc / "sys/fs/binfmt_misc");
  if (!why) {
    check.detail = "run by an emulator";
    return check;
  }
  check.status = Check::Status::missing;
  check.detail = fmt::format("{}; needed to build images for it", why->message());
  check.remedy = host.is_root && why->hint().starts_with("sudo ") ? why->hint().substr(5) : why->hint();
  return check;
}

}  // namespace meros::cli
