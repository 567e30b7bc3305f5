// A constellation of two real Debians, "inside/web" and "inside/db", brought up once for all the tests of a program.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/child.h"
#include "support/builder.h"
#include "support/home.h"
#include "support/namespace.h"

namespace meros::test {

// The programs run as root, or, where $MEROS_TEST_USER is "ordinary", as an ordinary user.
class GuestLab {
 public:
  // Builds the images, unless the build directory has them, and waits until both machines let ssh in. Error.
  GuestLab();
  GuestLab(const GuestLab&) = delete;
  GuestLab& operator=(const GuestLab&) = delete;

  // Stops both, and fails the test run where something is left.
  void take_down() const;

  // One sentence on what this host lacks for it; empty where nothing.
  static std::string lacking();
  static bool as_root();

  // `meros …` to its end, in the directory of the lab.
  Result meros(std::vector<std::string> arguments, std::string_view input = {}) const;
  Command command(std::vector<std::string> arguments) const { return home_->meros_command(std::move(arguments)); }
  // The output of `meros exec TARGET -- sh -c SCRIPT`; fails the test when that fails.
  std::string in_guest(const std::string& target, const std::string& script) const;
  // A program of the host's, as the user of the lab.
  Result on_host(std::vector<std::string> argv) const;

  const std::filesystem::path& path() const { return home_->path(); }
  std::filesystem::path data() const { return home_->data_dir(); }
  TestHome& home() { return *home_; }
  // An empty directory of the user's.
  std::filesystem::path make_directory(const std::string& name) const;
  // All below it becomes the user's.
  void give_away(const std::filesystem::path& tree) const;
  // Another file with the same key: ssh then shares no connection that is there already.
  std::string copy_of_key(const std::string& machine) const;

 private:
  void take_images() const;
  void bring_up() const;

  TemporaryDirectory files_{"/var/tmp"};
  std::unique_ptr<NetworkNamespace> network_;
  std::unique_ptr<OrdinaryBuilder> user_;
  std::unique_ptr<TestHome> home_;
};

// A test in it. The first one brings it up.
class InGuest : public testing::Test {
 protected:
  void SetUp() override;
  static GuestLab& lab();
};

// What the program adds to its tests: takes the lab down after the last one.
std::unique_ptr<testing::Environment> lab_environment();

}  // namespace meros::test
