#include "e2e/linux_guest.h"

#include "base/bounded_log.h"
#include "base/child.h"
#include "base/deadline.h"
#include "base/error.h"

namespace meros::test {
namespace {

LinuxGuest make_guest() {
  const std::filesystem::path directory = std::filesystem::path(MEROS_BINARY_DIR) / "tests/e2e/guest";
  LinuxGuest guest{directory / "vmlinuz", directory / "initrd", {}};
  Command command;
  command.argv = {std::string(MEROS_SOURCE_DIR) + "/tests/e2e/guest/make", directory.string()};
  try {
    const Output output = run(std::move(command), {}, Deadline::after(std::chrono::minutes(5)));
    if (!output.status.success()) guest.lacking = "no Debian kernel: " + last_lines(output.err, 3);
  } catch (const Error& e) {
    guest.lacking = e.message();
  }
  return guest;
}

}  // namespace

const LinuxGuest& linux_guest() {
  static const LinuxGuest guest = make_guest();
  return guest;
}

}  // namespace meros::test
