#include "vmm/qemu/descriptors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/unix_socket.h"
#include "network/tap.h"
#include "vmm/qemu/image_check.h"

namespace meros::vmm::qemu {
namespace {

using Kind = PlannedDescriptor::Kind;

Fd open_in(const Fd& volume, const std::string& path, int flags) {
  try {
    // O_NONBLOCK: a named pipe there must not hold up the start. It means nothing for files and block devices.
    return open_file_at(volume, path, flags | O_NONBLOCK);
  } catch (const SystemError& e) {
    if (e.error_number() == ENOENT) throw NotFoundError(e.message());
    throw;
  }
}

void check_kind_of_file(const Fd& file, const std::string& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_errno("cannot look at '" + path + "'");
  const bool below_dev = path.starts_with("/dev/");
  if (S_ISREG(info.st_mode) || (S_ISBLK(info.st_mode) && below_dev)) return;
  if (S_ISBLK(info.st_mode))
    throw InvalidError(fmt::format("'{}' leads to a block device", path), "name it by its path below /dev");
  throw InvalidError(fmt::format("'{}' is neither a file nor a block device", path));
}

Fd open_image(const Fd& volume, const std::string& path, int flags) {
  Fd file = open_in(volume, path, flags);
  check_kind_of_file(file, path);
  if (::fcntl(file.get(), F_SETFL, flags) != 0) throw_errno("cannot clear O_NONBLOCK");
  return file;
}

const Fd& file_named(const Plan& plan, const Descriptors& open, const std::string& path) {
  for (std::size_t i = 0; i < plan.descriptors.size(); ++i)
    if (plan.descriptors[i].kind == Kind::file && plan.descriptors[i].path == path) return open.passed[i].fd;
  throw Error("the plan does not open '" + path + "'");
}

void check_images(const Plan& plan, const Spec& spec, const Fd& volume, const Descriptors& open) {
  if (spec.kernel) check_kernel(open_image(volume, *spec.kernel, O_RDONLY), *spec.kernel, spec.arch);
  if (spec.initrd) open_image(volume, *spec.initrd, O_RDONLY);
  for (const auto& disk : spec.disks) {
    if (disk.format == DiskFormat::qcow2)
      check_qcow2(file_named(plan, open, disk.path), disk.path,
                  disk.backing_path ? Backing::configured : Backing::none);
    if (disk.backing_path && disk.backing_format == DiskFormat::qcow2)
      check_qcow2(file_named(plan, open, *disk.backing_path), *disk.backing_path, Backing::none);
  }
}

Fd open_one(const PlannedDescriptor& planned, const Fd& volume, Descriptors& all) {
  const auto our_end = [](SocketPair pair, Fd& ours) {
    set_nonblocking(pair.ours);
    ours = std::move(pair.ours);
    return std::move(pair.theirs);
  };
  switch (planned.kind) {
    case Kind::console:
      return our_end(make_socket_pair(), all.console);
    case Kind::control:
      return our_end(make_socket_pair(), all.control);
    case Kind::listener:
      return listen_unix(volume, planned.path);
    case Kind::tap:
      return network::open_tap(planned.path);
    case Kind::file:
      return open_image(volume, planned.path, planned.flags);
  }
  throw Error("the plan wants a descriptor of no known kind");
}

}  // namespace

Descriptors open_descriptors(const Plan& plan, const Spec& spec, const Fd& volume) {
  Descriptors all;
  try {
    for (const auto& planned : plan.descriptors) all.passed.push_back({open_one(planned, volume, all), planned.target});
    check_images(plan, spec, volume, all);
  } catch (...) {
    remove_sockets(plan, volume);
    throw;
  }
  return all;
}

void remove_sockets(const Plan& plan, const Fd& volume) noexcept {
  for (const auto& planned : plan.descriptors)
    if (planned.kind == Kind::listener) ::unlinkat(volume.get(), planned.path.c_str(), 0);
}

}  // namespace meros::vmm::qemu
