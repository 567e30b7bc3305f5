#include "cli/open_files.h"

#include <sys/resource.h>

#include "base/error.h"

namespace meros::cli {

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot read the limit of open files");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("cannot raise the limit of open files");
}

}  // namespace meros::cli
