// Sources that are built as Linux is (kbuild's O=, its config targets, bzImage), in a moment: what is "compiled" is
// copied, and the kernel in the bzImage is one of the tests' guests.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "support/programs.h"

namespace meros::test {

class SourceTree {
 public:
  // Makes the directory.
  explicit SourceTree(std::filesystem::path directory, Guest guest = Guest::halt);

  const std::filesystem::path& directory() const { return directory_; }
  // A source file init/<name>.c. "error" in it fails its compilation; "wait" makes it wait
  // for ever, until there is a file "waited" beside the directory, which it makes.
  void write_source(const std::string& name, std::string_view content) const;
  void remove_source(const std::string& name) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace meros::test
