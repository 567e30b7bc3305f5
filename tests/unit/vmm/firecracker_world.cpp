#include "firecracker_world.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "support/programs.h"
#include "vmm/firecracker/driver.h"

namespace meros::vmm::firecracker {

std::vector<Binary> binaries() {
  std::vector<Binary> all{{"Fake", test::fake_firecracker()}};
  if (const auto real = test::real_firecracker()) all.push_back({"Real", *real});
  return all;
}

void PrintTo(const Binary& binary, std::ostream* stream) { *stream << binary.path; }
std::string name_of(const testing::TestParamInfo<Binary>& info) { return info.param.name; }

Disk raw_disk(std::string path) {
  Disk disk;
  disk.path = std::move(path);
  return disk;
}

World::World() : volume_(open_file(directory_.path(), O_RDONLY | O_DIRECTORY)) {
  // As a supervisor has it: searchable to the VMM's user, and one directory of that user's own.
  if (::chmod(path().c_str(), 0755) != 0 || ::mkdir((path() / "run").c_str(), 0700) != 0)
    throw_errno("cannot prepare the volume");
  std::filesystem::copy_file(test::kernel_of(test::Guest::tiny), path() / "kernel");
  spec.name = "Tiny_1";
  spec.arch = host_arch();
  spec.accel = Accel::kvm;
  spec.memory_mib = 64;
  spec.kernel = "kernel";
  spec.kernel_args = "console=ttyS0";
}

void World::write(const std::string& name, std::string_view content, mode_t mode) const {
  const Fd file = open_file_at(volume_, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
  write_all(file, content);
}

std::string World::script(std::string_view body) const {
  write("script", "#!/bin/sh\n" + std::string(body), 0755);
  return path() / "script";
}

std::unique_ptr<Vmm> World::launch(const std::string& binary) {
  if (user && ::chown((path() / "run").c_str(), user->uid, user->gid) != 0) throw_errno("cannot give run/ away");
  Site site;
  site.volume = &volume_;
  site.user = user;
  return driver().launch(spec, binary, site);
}

std::unique_ptr<Vmm> World::boot(const std::string& binary) {
  auto vmm = launch(binary);
  vmm->boot(Deadline::after(patience), {});
  return vmm;
}

Error World::failure(const std::string& binary) {
  try {
    boot(binary);
  } catch (const Error& e) {
    return e;
  }
  return Error("it booted");
}

std::string read_until(const Fd& fd, std::string_view text) {
  const Deadline deadline = Deadline::after(patience);
  std::string all;
  std::array<char, 4096> buffer{};
  while (all.find(text) == std::string::npos && wait_for(fd, POLLIN, deadline.poll_timeout()) != 0) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) break;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return all;
}

}  // namespace meros::vmm::firecracker
