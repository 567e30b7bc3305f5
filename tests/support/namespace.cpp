#include "support/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <cstdlib>
#include <iostream>

#include "base/child.h"
#include "base/error.h"
#include "base/text.h"

namespace meros::test {

NetworkNamespace::NetworkNamespace()
    : former_network_(open_file("/proc/self/ns/net", O_RDONLY)),
      former_mounts_(open_file("/proc/self/ns/mnt", O_RDONLY)) {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) throw_errno("cannot make namespaces");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_errno("cannot keep mounts to ourselves");
  if (::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    throw_errno("cannot mount the namespace's /sys");
  ip({"link", "set", "lo", "up"});
}

NetworkNamespace::~NetworkNamespace() {
  // A test that goes on in the wrong network would touch what is not its own.
  if (::setns(former_network_.get(), CLONE_NEWNET) != 0 || ::setns(former_mounts_.get(), CLONE_NEWNS) != 0) {
    std::cerr << "cannot go back to the former namespaces\n";
    std::abort();
  }
}

std::string ip(std::initializer_list<std::string> arguments) {
  Command command;
  command.argv = {"ip"};
  command.argv.insert(command.argv.end(), arguments);
  const Output output = run(command);
  if (!output.status.success())
    throw Error("'" + join(command.argv, " ") + "' failed: " + std::string(trim(output.err)));
  return output.out;
}

void add_bridge(const std::string& name, const std::string& address) {
  ip({"link", "add", name, "type", "bridge"});
  ip({"address", "add", address, "dev", name});
  ip({"link", "set", name, "up"});
}

}  // namespace meros::test
