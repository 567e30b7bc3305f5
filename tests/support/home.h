// A place of a test's own with the programs that work in it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/child.h"
#include "base/error.h"
#include "base/file.h"

namespace meros::test {

// What a program of ours said and exited with.
struct Result {
  int code = 0;
  std::string out;
  std::string err;
};
std::ostream& operator<<(std::ostream& stream, const Result& result);

// EXPECT_TRUE(succeeds(home.meros({"start", "web"})))
testing::AssertionResult succeeds(const Result& result);
// The exit code, and `words` somewhere in stderr.
testing::AssertionResult fails_with(const Result& result, ExitCode code, std::string_view words);

// An empty directory on a disk. As meros it is the parent of the data directory; as mergenc it is the working
// directory, with images/ and volumes/. Whatever still runs there at the end of its life is killed, and everything is
// removed.
class TestHome {
 public:
  // The programs run as `user`, who then owns the directory; by default as ourselves.
  explicit TestHome(std::optional<Command::Credentials> user = {});
  ~TestHome();
  TestHome(const TestHome&) = delete;
  TestHome& operator=(const TestHome&) = delete;

  const std::filesystem::path& path() const { return directory_.path(); }
  std::filesystem::path data_dir() const { return path() / "data"; }
  std::filesystem::path volume(const std::string& machine) const { return data_dir() / "volumes" / machine; }
  std::filesystem::path mergenc_volume(const std::string& machine) const { return path() / "volumes" / machine; }
  // Makes a file with its parents; returns its path.
  std::filesystem::path write(const std::string& name, std::string_view content) const;

  // Runs it in the directory, to its end; TimeoutError when it hangs.
  Result meros(std::vector<std::string> arguments, std::string_view input = {}) const;
  Result mergenc(std::vector<std::string> arguments, std::string_view input = {}) const;
  // The same as a description, for tests that start it themselves.
  Command meros_command(std::vector<std::string> arguments) const;
  Command mergenc_command(std::vector<std::string> arguments) const;
  Result run_to_end(Command command, std::string_view input = {}) const;

  // "NAME=value" for every program started from now on.
  void add_environment(std::string variable) { environment_.push_back(std::move(variable)); }

 private:
  Command command(const std::filesystem::path& program, std::vector<std::string> arguments) const;
  TemporaryDirectory directory_;
  Fd open_directory_;
  std::optional<Command::Credentials> user_;
  std::vector<std::string> environment_;
};

}  // namespace meros::test
