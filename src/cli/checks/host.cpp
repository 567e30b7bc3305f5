#include <dlfcn.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/checks/check.h"

namespace meros::cli {
namespace {

constexpr std::chrono::seconds version_timeout{10};

std::string name_of(uid_t user) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(user);
  return found->pw_name;
}

std::string kernel_release() {
  utsname names{};
  if (::uname(&names) != 0) throw_errno("cannot ask for the kernel's version");
  return names.release;
}

std::string first_version_line(const std::string& program) {
  Command command;
  command.argv = {program, "--version"};
  const Output output = run(command, {}, Deadline::after(version_timeout));
  if (!output.status.success()) throw Error("'" + program + " --version' ended with " + output.status.describe());
  return std::string(trim(split(output.out, '\n').front()));
}

bool library_loads(const std::string& name) {
  void* library = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return false;
  ::dlclose(library);
  return true;
}

}  // namespace

std::string_view to_string(Check::Status status) {
  switch (status) {
    case Check::Status::ok:
      return "ok";
    case Check::Status::degraded:
      return "degraded";
    case Check::Status::missing:
      return "missing";
  }
  return "missing";
}

HostView this_host() {
  HostView host;
  host.arch = vmm::host_arch();
  host.kernel_release = kernel_release();
  host.is_root = ::geteuid() == 0;
  host.user_id = invoking_user().uid;
  host.user_name = name_of(host.user_id);
  host.find_program = [](const std::string& program) { return find_program(program); };
  host.version_line = first_version_line;
  host.has_library = library_loads;
  return host;
}

std::string as_root(const HostView& host, const std::string& command) {
  return host.is_root ? command : "sudo " + command;
}

}  // namespace meros::cli
