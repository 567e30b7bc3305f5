// An ordinary user who may build images.
#pragma once

#include <filesystem>

#include "base/fd.h"

namespace meros::test {

// For its lifetime ordinary_user() has a name and a subordinate range, in files that only this thread and what it
// starts see. `place`: a directory for these files. Needs root.
class OrdinaryBuilder {
 public:
  explicit OrdinaryBuilder(const std::filesystem::path& place);
  OrdinaryBuilder(const OrdinaryBuilder&) = delete;
  OrdinaryBuilder& operator=(const OrdinaryBuilder&) = delete;
  ~OrdinaryBuilder();

 private:
  Fd former_;
};

}  // namespace meros::test
