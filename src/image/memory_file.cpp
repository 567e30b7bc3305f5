#include "image/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

namespace meros::image {

Fd memory_file(std::string_view content) {
  Fd file(::memfd_create("meros", MFD_CLOEXEC));
  if (!file) throw_errno("cannot make a memory file");
  write_all(file, content);
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw_errno("cannot rewind a memory file");
  return file;
}

}  // namespace meros::image
