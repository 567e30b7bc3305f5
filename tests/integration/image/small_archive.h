// Builds from a small archive (make-mirror) that is served on 127.0.0.1.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/child.h"
#include "base/fd.h"
#include "support/home.h"

namespace meros::test {

// Serves a directory over HTTP as long as it lives.
class FileServer {
 public:
  FileServer(const std::filesystem::path& directory, const std::filesystem::path& log);
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // How many requests it has had.
  std::size_t requests() const;

 private:
  std::filesystem::path log_;
  Child child_;
  unsigned port_ = 0;
};

class SmallArchive {
 public:
  // In `directory`: keys/keyring.gpg, and mirror/ with an archive whose only suite is `suite`; "alpine" is one of
  // Alpine.
  SmallArchive(std::filesystem::path directory, const std::string& suite);

  std::filesystem::path keyring() const { return directory_ / "keys/keyring.gpg"; }
  std::string url() const { return server_->url(); }
  std::size_t requests() const { return server_->requests(); }
  void stop() { server_.reset(); }
  // The next version of a package that says its version in /usr/share/NAME; the former one is gone.
  void release(const std::string& name, const std::string& version);
  void remove(const std::string& deb) const { std::filesystem::remove(directory_ / "mirror/pool" / deb); }

 private:
  void publish() const;
  void take_packages(const std::filesystem::path& made) const;
  std::filesystem::path directory_;
  std::string suite_;
  std::unique_ptr<FileServer> server_;
};

// A constellation 'lab' in a home of its own. Fails a test that leaves a process, a mount or something unfinished.
class SmallBuild : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  TestHome& home() const { return *home_; }
  SmallArchive& archive() const { return *archive_; }
  std::filesystem::path data() const { return home_->data_dir(); }
  std::filesystem::path disk(const std::string& machine) const {
    return data() / "disks" / ("lab-" + machine + ".qcow2");
  }
  std::filesystem::path lock() const { return home_->path() / "lab/meros.lock"; }

  void serve(const std::string& suite);
  // manifest.yml with `machines` below virtual_machines. Each has the archive's mirror and keys.
  void write_manifest(const std::string& machines, const std::string& distribution = "debian") const;
  Result build(std::vector<std::string> more = {}) const;
  Command build_command(std::vector<std::string> more = {}) const;

  // What is in a machine's image.
  std::string read(const std::string& machine, const std::string& path) const;
  std::string list(const std::string& machine, const std::string& directory) const;
  std::string sha256(const std::string& machine) const;
  // What an interrupted build would leave.
  std::vector<std::string> unfinished() const;

 private:
  std::string ask(const std::string& machine, const std::string& request) const;
  std::unique_ptr<TestHome> home_;
  std::unique_ptr<SmallArchive> archive_;
};

// Runs it to its end; what it printed, or a failure of the test.
std::string run_tool(std::vector<std::string> argv);

}  // namespace meros::test
