#include "vmm/firecracker/serial_line.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cstdlib>

#include "base/error.h"

namespace meros::vmm::firecracker {

SerialLine open_serial_line() {
  SerialLine line;
  line.ours = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!line.ours) throw_errno("cannot open a pseudo-terminal");
  if (::unlockpt(line.ours.get()) != 0) throw_errno("cannot unlock a pseudo-terminal");
  // Not by its name: the /dev/pts that is mounted here may be another instance.
  line.theirs = Fd(::ioctl(line.ours.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!line.theirs) throw_errno("cannot open the other end of a pseudo-terminal");
  termios settings{};
  if (::tcgetattr(line.theirs.get(), &settings) != 0) throw_errno("cannot read a pseudo-terminal's settings");
  ::cfmakeraw(&settings);
  if (::tcsetattr(line.theirs.get(), TCSANOW, &settings) != 0) throw_errno("cannot set a pseudo-terminal raw");
  return line;
}

}  // namespace meros::vmm::firecracker
