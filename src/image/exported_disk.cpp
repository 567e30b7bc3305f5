#include "image/exported_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>

#include "base/error.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/line_socket.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

constexpr auto storage_daemon = "qemu-storage-daemon";
constexpr auto file_system_server = "fuse2fs";
constexpr std::size_t longest_greeting = 4096;
constexpr std::chrono::minutes patience{5};

std::string block_device(const fs::path& image, vmm::DiskFormat format) {
  return Json{{"driver", format == vmm::DiskFormat::qcow2 ? "qcow2" : "raw"},
              {"node-name", "disk"},
              {"discard", "unmap"},
              {"file", {{"driver", "file"}, {"filename", image.string()}, {"discard", "unmap"}}}}
      .dump();
}

// Its monitor greets when what was asked before is done.
void wait_for_greeting(const Fd& output, Child& daemon) {
  LineReader reader(longest_greeting);
  if (reader.read_line(output, Deadline::after(patience))) return;
  throw Error(fmt::format("{} ended with {}", storage_daemon, daemon.wait().describe()));
}

dev_t device_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw_errno(fmt::format("cannot look at '{}'", path.string()));
  return info.st_dev;
}

// proc(5): a change of the mounts is told as POLLPRI.
void wait_for_mount(const fs::path& place, Child& server) {
  const Fd mounts = open_file("/proc/self/mountinfo", O_RDONLY);
  const dev_t before = device_of(place.parent_path());
  const Deadline deadline = Deadline::after(patience);
  while (device_of(place) == before) {
    if (deadline.passed()) throw TimeoutError(fmt::format("{} has mounted nothing", file_system_server));
    std::array<pollfd, 2> watched = {pollfd{mounts.get(), POLLPRI, 0}, pollfd{server.pidfd().get(), POLLIN, 0}};
    ::poll(watched.data(), watched.size(), deadline.poll_timeout());
    if (const auto status = server.try_wait())
      throw Error(fmt::format("{} ended with {}", file_system_server, status->describe()));
  }
}

}  // namespace

std::optional<Error> why_no_export() {
  for (const auto& [program, package] :
       {std::pair{storage_daemon, "qemu-system-common"}, {file_system_server, "fuse2fs"}})
    if (!find_program(program))
      return HostError(fmt::format("{} is not installed", program), fmt::format("apt-get install {}", package));
  if (::access("/dev/fuse", R_OK | W_OK) != 0)
    return HostError("/dev/fuse cannot be opened", "'meros doctor' tells what mends it");
  return std::nullopt;
}

ExportedDisk::ExportedDisk(const fs::path& image, vmm::DiskFormat format, const fs::path& place) : place_(place) {
  const Fd made = open_file(place, O_RDWR | O_CREAT, 0600);
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Command command;
  command.argv = {storage_daemon,
                  "--blockdev",
                  block_device(image, format),
                  "--export",
                  Json{{"type", "fuse"},
                       {"id", "file"},
                       {"node-name", "disk"},
                       {"mountpoint", place.string()},
                       {"writable", true},
                       {"growable", false}}
                      .dump(),
                  "--chardev",
                  "stdio,id=greeter",
                  "--monitor",
                  "greeter"};
  command.pass(input.read_end.get(), 0);
  command.pass(output.write_end.get(), 1);
  command.pass(2, 2);
  daemon_ = spawn(command);
  input_ = std::move(input.write_end);
  output.write_end.reset();
  wait_for_greeting(output.read_end, daemon_);
}

void ExportedDisk::finish() {
  daemon_.kill(SIGTERM);
  const auto status = daemon_.wait_until(Deadline::after(patience));
  if (!status) throw TimeoutError(fmt::format("{} does not end", storage_daemon));
  if (!status->success()) throw Error(fmt::format("{} ended with {}", storage_daemon, status->describe()));
}

MountedExt::MountedExt(const fs::path& file, std::uint64_t offset, const fs::path& place) : place_(place) {
  fs::create_directories(place_);
  Command command;
  command.argv = {file_system_server,
                  "-f",
                  "-o",
                  fmt::format("allow_other,default_permissions,fakeroot,offset={}", offset),
                  file.string(),
                  place_.string()};
  command.pass(1, 1);
  command.pass(2, 2);
  server_ = spawn(command);
  wait_for_mount(place_, server_);
  // libfuse adds nosuid and nodev whatever it is told; sudo needs the first gone.
  if (::mount(nullptr, place_.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr) != 0)
    throw_errno("cannot let set-user-id programs run in the image");
}

MountedExt::~MountedExt() {
  if (server_.running()) ::umount2(place_.c_str(), MNT_DETACH);
}

void MountedExt::finish() {
  // Nobody is in it any more, so that it is gone at once.
  if (::umount2(place_.c_str(), MNT_DETACH) != 0) throw_errno("cannot unmount the image");
  const auto status = server_.wait_until(Deadline::after(patience));
  if (!status) throw TimeoutError(fmt::format("{} does not end", file_system_server));
  if (!status->success()) throw Error(fmt::format("{} ended with {}", file_system_server, status->describe()));
}

}  // namespace meros::image
