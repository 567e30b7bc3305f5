// A directory with machines that were never started, and the built programs run in it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "base/file.h"

namespace meros::test {

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
  bool operator==(const Ran&) const = default;
};
std::ostream& operator<<(std::ostream& stream, const Ran& ran);

class Place {
 public:
  Place();

  std::filesystem::path path() const { return directory_.path(); }
  std::filesystem::path volume(const std::string& machine) const { return path() / "data/volumes" / machine; }
  // Makes a machine's volume ("web", or "lab/web") with a config.json and nothing else.
  void add_machine(const std::string& machine, std::uint32_t owner) const;
  void add_machine(const std::string& machine) const;
  void write(const std::string& name, std::string_view content) const;

  // Runs build/bin/<program>, without a terminal.
  Ran run(const std::string& program, const std::vector<std::string>& arguments) const;
  Ran meros(const std::vector<std::string>& arguments) const { return run("meros", arguments); }
  Ran mergenc(const std::vector<std::string>& arguments) const { return run("mergenc", arguments); }
  // For other standard descriptors.
  Command command(const std::string& program, const std::vector<std::string>& arguments) const;
  // On a pseudo-terminal, where `keys` are typed; `out` is all that the terminal showed.
  Ran on_terminal(const std::vector<std::string>& arguments, std::string_view keys,
                  const std::vector<std::string>& environment) const;

 private:
  TemporaryDirectory directory_;
  Fd open_;
};

}  // namespace meros::test
