#include "e2e/mirror.h"

#include <cstdlib>

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/file.h"

namespace meros::test {

std::string mirror() {
  const char* named = std::getenv("MEROS_DEBIAN_MIRROR");
  return named != nullptr ? named : "http://deb.debian.org/debian";
}

std::string why_no_mirror() {
  const TemporaryDirectory directory;
  Command command;
  command.argv = {"/usr/lib/apt/apt-helper", "download-file", mirror() + "/dists/bookworm/Release",
                  directory.path() / "Release"};
  try {
    const Output output = run(std::move(command), {}, Deadline::after(std::chrono::minutes(1)));
    return output.status.success() ? "" : "no Debian mirror answers: " + last_lines(output.err + output.out, 2);
  } catch (const Error& e) {
    return "no Debian mirror can be asked: " + e.message();
  }
}

}  // namespace meros::test
