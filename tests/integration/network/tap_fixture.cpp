#include "integration/network/tap_fixture.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace meros::network {

std::string outcome_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    const std::string hint = e.hint().empty() ? "" : " (" + e.hint() + ")";
    return std::to_string(static_cast<int>(e.exit_code())) + " " + e.message() + hint;
  }
  return "no error";
}

std::string outcome_in_child(const std::function<void()>& action) {
  auto [read_end, write_end] = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    write_all(write_end, outcome_of(action));
    ::_exit(0);
  }
  write_end.reset();
  const std::string outcome = read_all(read_end);
  int status = 0;
  ::waitpid(child, &status, 0);
  return outcome;
}

void drop_capability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) throw_errno("capget");
  data[capability / 32].effective &= ~(1U << (capability % 32));
  if (::syscall(SYS_capset, &header, data) != 0) throw_errno("capset");
}

void Tap::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make a network namespace and TAP devices in it";
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
  host_namespace_ = open_file("/proc/thread-self/ns/net", O_RDONLY);
  if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs network namespaces: unshare fails with errno " << errno;
  ip({"link", "add", "br0", "address", "02:00:00:00:00:fe", "type", "bridge"});
}

void Tap::TearDown() {
  if (!host_namespace_) return;
  ASSERT_EQ(::setns(host_namespace_.get(), CLONE_NEWNET), 0);
}

std::string Tap::ip(const std::vector<std::string>& arguments) {
  Command command;
  command.argv = {"ip"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Output output = run(command);
  if (!output.status.success()) throw Error("ip " + join(arguments, " ") + ": " + output.err);
  return output.out;
}

std::string Tap::sysctl(const std::string& path) { return std::string(trim(read_file("/proc/sys/net/" + path))); }

std::vector<std::string> Tap::link_names() {
  std::vector<std::string> names;
  for (const Link& link : list_links()) {
    if (link.name != "lo" && !link.name.starts_with("ifb")) names.push_back(link.name);
  }
  return names;
}

}  // namespace meros::network
