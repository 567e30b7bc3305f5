// The guest's serial line: Firecracker has it on its stdin and stdout, and takes input from a terminal (or a pipe) but
// from no socket.
#pragma once

#include "base/fd.h"

namespace meros::vmm::firecracker {

// A pseudo-terminal that passes every byte as it is. Nobody's controlling terminal.
struct SerialLine {
  Fd ours;    // the master, non-blocking; reads EIO once nobody has `theirs` open any more
  Fd theirs;  // the slave
};
SerialLine open_serial_line();

}  // namespace meros::vmm::firecracker
